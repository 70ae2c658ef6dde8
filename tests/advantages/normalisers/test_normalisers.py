"""Each normaliser against its formula, on two groups whose means and spreads are plain to see."""

import math

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.advantages.groups import group_rollouts
from gd2po.advantages.normalisation import STD_EPS, GroupScores, group_scores
from gd2po.advantages.registry import NORMALISERS, normaliser
from gd2po.errors import SettingsError

CPU = torch.device("cpu")
NAN = math.nan


def scores_of(values: list[float], group_ids: str) -> GroupScores:
    scores = torch.tensor(values, dtype=torch.float64)
    return group_scores(scores.nan_to_num(), ~scores.isnan(), group_rollouts(group_ids, len(values), CPU))


WIDE = [0.0, 4.0, 1.0, 1.0, 3.0, 3.0]
"""Group a: mean 2, variance 8. Group b: mean 2, variance 4/3. Pooled variance: 14/3."""


def measured(kind: str | dict[str, object], values: list[float] = WIDE, group_ids: str = "aabbbb") -> list[float]:
    return normaliser(kind)(scores_of(values, group_ids)).tolist()


def over(first: float, second: float) -> list[float]:
    """The deviations of `WIDE` over a standard deviation of each group."""
    spreads = [first] * 2 + [second] * 4
    return pytest.approx([d / (std + STD_EPS) for d, std in zip([-2, 2, -1, -1, 1, 1], spreads, strict=True)])


@pytest.mark.parametrize(
    ("kind", "variances"),
    [
        ("group_std", (8, 4 / 3)),
        ("pooled", (14 / 3, 14 / 3)),
        ("floored", (8, 14 / 3)),
        ({"kind": "shrunk", "share": 0.25}, (0.25 * 8 + 0.75 * 14 / 3, 0.25 * 4 / 3 + 0.75 * 14 / 3)),
    ],
    ids=str,
)
def test_deviations_are_divided_by_a_standard_deviation(kind, variances):
    assert measured(kind) == over(*map(math.sqrt, variances))


def test_scales_are_kept():
    assert measured("group_mean") == [-2, 2, -1, -1, 1, 1]
    assert measured("leave_one_out") == pytest.approx([0 - 4, 4 - 0, 1 - 7 / 3, 1 - 7 / 3, 3 - 5 / 3, 3 - 5 / 3])


def test_the_batch_is_one_group():
    values = [5.0, 1.0, 2.0, 2.0]
    std = torch.tensor(values, dtype=torch.float64).std().item() + STD_EPS
    assert measured("batch", values, "abcc") == pytest.approx([(value - 2.5) / std for value in values])
    assert measured("batch", [0.1] * 4, "abcc") == [0] * 4


def test_a_group_that_ties_counts_in_the_pooled_spread_and_one_alone_does_not():
    with_tie = measured("pooled", [0.0, 4.0, 7.0, 7.0, 9.0], "aabbc")
    assert with_tie == pytest.approx([-2 / (2 + STD_EPS), 2 / (2 + STD_EPS), 0, 0, 0])


def test_missing_scores_are_in_no_spread():
    assert measured("pooled", [0.0, 4.0, NAN, NAN, 3.0], "aabbb") == pytest.approx([-2 / 8**0.5, 2 / 8**0.5, 0, 0, 0])


@pytest.mark.parametrize("kind", NORMALISERS.names())
@pytest.mark.parametrize("values", [[], [NAN, NAN], [1.0]], ids=str)
def test_nothing_to_compare_gives_zeros(kind, values):
    assert measured(kind, values, "ab"[: len(values)]) == [0.0] * len(values)


def test_grpo_measures_the_sum(example):
    centred = compute_advantages(*example, estimator="grpo", normalise="group_mean")
    assert torch.equal(centred.advantages, compute_advantages(*example, estimator="grpo", norm_by_std=False).advantages)
    rloo = compute_advantages(*example, estimator="grpo", normalise="leave_one_out")
    torch.testing.assert_close(rloo.advantages, centred.advantages * 4 / 3)  # groups of four


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": "poled"}, "unknown normaliser 'poled'. Did you mean 'pooled'"),
        ({"normalise": {"kind": "shrunk", "share": 1.5}}, "share: found 1.5"),
        ({"normalise": {"kind": "floored", "share": 0.5}}, "'floored' does not read this option .*choose 'shrunk'"),
        ({"normalise": "group_mean", "norm_by_std": True}, "group_mean does not divide by one; remove one"),
        ({"normalise": "pooled", "norm_by_std": False}, "pooled divides by a standard deviation; remove one"),
    ],
)
def test_what_cannot_be_is_refused(example, options, message):
    with pytest.raises(SettingsError, match=message):
        compute_advantages(*example, **options)
