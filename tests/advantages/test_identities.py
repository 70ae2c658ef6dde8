"""What must hold for every estimator on every batch, however nasty."""

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from gd2po.advantages import (
    AdvantageOutput,
    compute_advantages,
    filter_names,
    normaliser_names,
)
from gd2po.advantages.registry import KEEPS_SCALES, NORMALISERS, usable_combinations

METHODS: dict[str, dict[str, Any]] = {
    "grpo": {"estimator": "grpo"},
    "gdpo": {"estimator": "gdpo"},
    "none": {"conflict_filter": "none"},
    "hard": {"conflict_filter": "hard"},
    "snr": {"conflict_filter": "snr", "threshold": 0.8},
    "snr-rollouts": {"conflict_filter": "snr", "threshold": 0.5, "whiten": "rollouts", "reweight": "none"},
    "hard-centred": {"conflict_filter": "hard", "norm_by_std": False, "whiten": "none"},
    "everything": {
        "conflict_filter": {"kind": "share", "masked": 0.3},
        "normalise": {"kind": "shrunk", "share": 0.25},
        "combine": {"kind": "softmin", "sharpness": 2.0},
        "whiten": "rollouts",
    },
    **{kind: {"conflict_filter": kind} for kind in filter_names() if kind not in ("none", "hard", "snr")},
    **{kind: {"estimator": "gdpo", "normalise": kind} for kind in normaliser_names()},
    **{kind: {"estimator": "gdpo", "combine": kind} for kind in usable_combinations() if kind != "sum"},
}
CONSTANTS = (0.0, 0.1, -2.9, 5.37, 100.3, 1e8, -1e8)
GRID = (-3.0, -1.0, 0.0, 0.25, 1.0, 2.5)

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
bounded = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Sample:
    scores: dict[str, Tensor]
    group_ids: list[int]
    mask: Tensor

    def run(self, **options: Any) -> AdvantageOutput:
        return compute_advantages(self.scores, self.group_ids, self.mask, **options)


@st.composite
def samples(draw: st.DrawFn, *, nasty: bool = True, rewards: tuple[int, int] = (1, 8)) -> Sample:
    """Groups of 1 to 16 rollouts in mixed order, K rewards, empty and one-token responses among them."""
    sizes = draw(st.lists(st.integers(1, 16), min_size=1, max_size=4))
    group_ids = draw(st.permutations([group for group, size in enumerate(sizes) for _ in range(size)]))
    count = len(group_ids)
    columns = [draw(_scores(count, nasty)) for _ in range(draw(st.integers(*rewards)))]
    scores = {f"reward_{k}": torch.tensor(column, dtype=torch.float32) for k, column in enumerate(columns)}
    longest = draw(st.sampled_from([0, 1, 4]))
    lengths = draw(st.lists(st.integers(0, longest), min_size=count, max_size=count))
    return Sample(scores, group_ids, torch.arange(4) < torch.tensor(lengths)[:, None])


def _scores(count: int, nasty: bool) -> st.SearchStrategy[list[float]]:
    def listed(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
        return st.lists(values, min_size=count, max_size=count)

    plain = listed(st.sampled_from(GRID))
    if not nasty:
        return plain
    constant = st.sampled_from(CONSTANTS).map(lambda value: [value] * count)
    tiny = listed(st.sampled_from([1e-8, 2e-8, 5e-8]))
    huge = listed(st.sampled_from([1e8, -1e8, 1.0, 0.1]))
    gaps = listed(st.sampled_from([*GRID, math.nan]))
    return st.one_of(plain, constant, tiny, huge, gaps, st.just([math.nan] * count))


def _assert_same(one: AdvantageOutput, other: AdvantageOutput, rows: Tensor | slice = slice(None)) -> None:
    """Equal row by row, `rows` being where the rows of `other` are in `one`; metrics equal."""
    for field in fields(AdvantageOutput):
        found, expected = getattr(one, field.name), getattr(other, field.name)
        if isinstance(expected, Tensor):
            torch.testing.assert_close(found[rows], expected, atol=1e-5, rtol=1e-5, msg=field.name)
        else:
            for name, value in expected.items():
                present = found[name][rows] if isinstance(value, Tensor) else found[name]
                torch.testing.assert_close(present, value, atol=1e-5, rtol=1e-5, msg=name)


@every_method
@given(sample=samples())
@bounded
def test_finite_zero_behind_the_mask_and_zero_where_dropped(method, sample):
    out = sample.run(**method)
    assert out.advantages.dtype == torch.float32
    assert out.advantages.isfinite().all()
    assert out.advantages[~sample.mask].eq(0).all()
    assert out.advantages[~out.kept].eq(0).all()
    assert all(math.isfinite(figure) for figure in out.metrics.values())
    assert all(row.isfinite().all() for row in (*out.per_reward.values(), out.query_weight))
    scored = torch.stack(list(sample.scores.values())).isfinite().any(0)
    assert not (out.kept & ~scored).any()
    assert not (out.conflict & ~scored).any()


@every_method
@given(sample=samples(), seed=st.integers(0, 9))
@bounded
def test_permuting_rollouts_permutes_the_result(method, sample, seed):
    order = torch.randperm(len(sample.group_ids), generator=torch.Generator().manual_seed(seed))
    permuted = Sample(
        {name: row[order] for name, row in sample.scores.items()},
        [sample.group_ids[i] for i in order],
        sample.mask[order],
    )
    _assert_same(sample.run(**method), permuted.run(**method), order)


@every_method
@given(sample=samples())
@bounded
def test_padding_rows_change_nothing(method, sample):
    """Even if they copy real rows, share a group, hold infinities or have tokens."""
    count = len(sample.group_ids)
    padded = Sample(
        {name: torch.cat([row, row[:1], torch.tensor([math.inf])]) for name, row in sample.scores.items()},
        [*sample.group_ids, sample.group_ids[0], -1],
        torch.cat([sample.mask, torch.ones(2, 4, dtype=torch.bool)]),
    )
    out = padded.run(**method, valid=torch.arange(count + 2) < count)
    _assert_same(out, sample.run(**method), slice(count))
    assert out.advantages[count:].eq(0).all()
    assert not out.kept[count:].any()
    assert not out.conflict[count:].any()


LIMITS = {
    "no filter": ({"conflict_filter": "none"}, {"estimator": "gdpo"}),
    "snr 0": ({"conflict_filter": "snr", "threshold": 0.0}, {"estimator": "gdpo"}),
    "share 0": ({"conflict_filter": {"kind": "share", "masked": 0}}, {"estimator": "gdpo"}),
    "soft 0": ({"conflict_filter": {"kind": "soft", "power": 0}}, {"estimator": "gdpo"}),
    "guard of everything": ({"conflict_filter": {"kind": "guard", "min_kept": 1}}, {"estimator": "gdpo"}),
    "snr 1": ({"conflict_filter": "snr", "threshold": 1.0}, {"conflict_filter": "hard"}),
    "share 1": ({"conflict_filter": {"kind": "share", "masked": 1}}, {"conflict_filter": "hard"}),
    "sum": ({"estimator": "gdpo", "combine": "sum"}, {"estimator": "gdpo"}),
    "group_std": ({"normalise": "group_std"}, {"norm_by_std": True}),
    "group_mean": ({"normalise": "group_mean"}, {"norm_by_std": False}),
}


@pytest.mark.parametrize(("method", "limit"), LIMITS.values(), ids=LIMITS)
@given(sample=samples())
@bounded
def test_at_its_limit_a_method_is_another_bit_for_bit(method, limit, sample):
    out, same = sample.run(**method), sample.run(**limit)
    assert torch.equal(out.advantages, same.advantages)
    assert torch.equal(out.kept, same.kept)


CLOSE = {
    "shrunk 1": ({"normalise": {"kind": "shrunk", "share": 1}}, {"normalise": "group_std"}),
    "shrunk 0": ({"normalise": {"kind": "shrunk", "share": 0}}, {"normalise": "pooled"}),
    "softmin near 0": ({"combine": {"kind": "softmin", "sharpness": 1e-6}}, {"combine": "sum"}),
}


@pytest.mark.parametrize(("method", "limit"), CLOSE.values(), ids=CLOSE)
@given(sample=samples(nasty=False))
@bounded
def test_at_its_limit_a_method_is_close_to_another(method, limit, sample):
    out, same = (sample.run(estimator="gdpo", whiten="none", **options) for options in (method, limit))
    torch.testing.assert_close(out.advantages, same.advantages, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("combine", usable_combinations())
@given(sample=samples(rewards=(1, 1)))
@bounded
def test_one_reward_is_combined_with_nothing(combine, sample):
    out, same = sample.run(estimator="gdpo", combine=combine), sample.run(estimator="gdpo")
    torch.testing.assert_close(out.advantages, same.advantages)


@every_method
@given(sample=samples(), constant=st.sampled_from([*CONSTANTS, math.nan]))
@bounded
def test_without_a_difference_between_rollouts_there_is_no_advantage(method, sample, constant):
    same = {name: torch.full_like(row, constant) for name, row in sample.scores.items()}
    out = Sample(same, sample.group_ids, sample.mask).run(**method)
    assert out.advantages.eq(0).all()
    assert not out.conflict.any()


@pytest.mark.parametrize("normalise", [k for k in normaliser_names() if KEEPS_SCALES not in NORMALISERS.find(k).traits])
@pytest.mark.parametrize("combine", [kind for kind in usable_combinations() if kind in ("sum", "softmin", "upgrad")])
@given(sample=samples(nasty=False, rewards=(2, 4)), scale=st.sampled_from([0.125, 3.0, 1000.0]))
@bounded
def test_the_scale_of_a_reward_does_not_matter(normalise, combine, sample, scale):
    """Within the bounds of the 1e-6 that is added to the standard deviation."""
    scaled = {**sample.scores, "reward_0": sample.scores["reward_0"].double() * scale}
    options = {"estimator": "gdpo", "normalise": normalise, "combine": combine, "whiten": "none"}
    out, same = Sample(scaled, sample.group_ids, sample.mask).run(**options), sample.run(**options)
    torch.testing.assert_close(out.advantages, same.advantages, atol=1e-3, rtol=1e-3)


@every_method
@given(sample=samples(rewards=(1, 1)))
@bounded
def test_one_reward_never_filters(method, sample):
    out = sample.run(**method)
    assert torch.equal(out.kept, sample.scores["reward_0"].isfinite())
    assert not out.conflict.any()


@given(sample=samples())
@bounded
def test_without_conflict_gd2po_is_gdpo(sample):
    """The rewards agree because each is a multiple of the first."""
    first, *others = sample.scores
    agreeing = {name: sample.scores[first] * (k + 2) for k, name in enumerate(others)}
    agreed = Sample({first: sample.scores[first], **agreeing}, sample.group_ids, sample.mask)
    assume(not agreed.run().conflict.any())
    for conflict_filter in filter_names():
        assert torch.equal(
            agreed.run(conflict_filter=conflict_filter).advantages, agreed.run(estimator="gdpo").advantages
        )


@pytest.mark.parametrize("conflict_filter", ["hard", {"kind": "snr", "threshold": 0.79}, "share", "guard"], ids=str)
@given(
    sample=samples(nasty=False, rewards=(2, 8)),
    scale=st.sampled_from([0.125, 3.0, 1000.0]),
    shift=st.sampled_from([-7.0, 0.1, 500.0]),
)
@bounded
def test_scaling_or_shifting_one_reward_changes_no_mask(conflict_filter, sample, scale, shift):
    """Within the bounds of the 1e-6 that is added to the standard deviation, and of the 1e-6 spread floor."""
    changed = {**sample.scores, "reward_0": sample.scores["reward_0"].double() * scale + shift}
    before = sample.run(conflict_filter=conflict_filter)
    after = Sample(changed, sample.group_ids, sample.mask).run(conflict_filter=conflict_filter)
    assert torch.equal(before.kept, after.kept)
    assert torch.equal(before.conflict, after.conflict)


@pytest.mark.parametrize("conflict_filter", filter_names())
@given(sample=samples(), lengths=st.integers(0, 4))
@bounded
def test_lengths_change_no_mask(conflict_filter, sample, lengths):
    other = Sample(sample.scores, sample.group_ids, (torch.arange(4) < lengths).expand_as(sample.mask))
    assert torch.equal(
        sample.run(conflict_filter=conflict_filter).kept, other.run(conflict_filter=conflict_filter).kept
    )


@every_method
@given(sample=samples())
@bounded
def test_a_reward_of_weight_zero_is_only_logged(method, sample):
    weights = dict.fromkeys(sample.scores, 1.5)
    extra = torch.arange(float(len(sample.group_ids))).flip(0)
    more = Sample({**sample.scores, "logged": extra}, sample.group_ids, sample.mask)
    without = sample.run(**method, reward_weights=weights)
    out = more.run(**method, reward_weights={**weights, "logged": 0.0})
    _assert_same(out, without)
    assert out.metrics["reward/logged/max"] == len(sample.group_ids) - 1
