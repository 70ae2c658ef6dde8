"""What is said of a method is what training with it would report."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.advantages.registry import ESTIMATORS, FILTERS, NORMALISERS
from gd2po.insight.check.methods import bootstrap
from gd2po.insight.check.methods.bootstrap import Bootstrap

ARGUMENTS = {
    "GRPO": {"estimator": "grpo"},
    "GDPO": {"estimator": "gdpo"},
    "SNR 0.4": {"conflict_filter": "snr", "threshold": 0.4},
    "Hard": {"conflict_filter": "hard"},
}


@pytest.fixture
def lengths():
    return np.random.default_rng(2).integers(0, 50, 800)


@pytest.fixture
def direct(mixed, lengths):
    scores = {name: torch.tensor(mixed[name]) for name in "ab"}
    weights = {"a": 1.0, "b": -0.5}

    def compute(method):
        return compute_rollout_advantages(
            scores, mixed["group"], torch.from_numpy(lengths), reward_weights=weights, **ARGUMENTS[method]
        )

    return compute


@pytest.fixture
def evidence(checked, mixed, lengths):
    return checked(mixed | {"response_length": lengths.tolist()}, weights={"b": -0.5}, taus=(0.4,))


@pytest.mark.parametrize("method", ARGUMENTS)
def test_figures_are_those_of_training(evidence, direct, method):
    result, expected = evidence.method(method), direct(method)
    metrics, advantages = expected.metrics, expected.rollout_advantages.double()
    assert evidence.conflict == metrics["conflict/rate"]
    assert result.kept.value == pytest.approx(metrics["conflict/kept"])
    assert result.emptied.value == pytest.approx(metrics["conflict/emptied_groups"] / 100)
    assert result.tokens_masked.value == pytest.approx(metrics["tokens/masked_share"])
    assert result.share == {name: pytest.approx(metrics[f"update/{name}/share"]) for name in "ab"}
    assert result.effective.value == pytest.approx(float(advantages.abs().sum() ** 2 / (advantages**2).sum() / 800))
    for name, sign in (("a", 1), ("b", -1)):
        alone = sign * expected.per_reward[name].double()
        assert result.cosine[name].value == pytest.approx(float(torch.cosine_similarity(advantages, alone, dim=0)))
        gain = sign * metrics[f"update/{name}/gain"]  # of a negative weight with the other sign
        assert result.gain[name].value == pytest.approx(gain, abs=1e-6)
        assert result.gain[name].low < gain < result.gain[name].high
    gdpo = direct("GDPO").rollout_advantages.double()
    assert result.cosine_gdpo.value == pytest.approx(float(torch.cosine_similarity(advantages, gdpo, dim=0)))


def test_the_loss_is_of_the_weighted_sum_of_gains(evidence, direct):
    def summed(method):
        metrics = direct(method).metrics
        return metrics["update/a/gain"] - 0.5 * metrics["update/b/gain"]

    for method in ARGUMENTS:
        lost = evidence.method(method).lost
        assert lost.value == pytest.approx(1 - summed(method) / summed("GDPO"), abs=1e-5)
        assert lost.low <= lost.value + 1e-9 and lost.value - 1e-9 <= lost.high


def test_pairs_are_those_of_training(evidence, direct):
    (pair,) = evidence.pairs
    assert pair.conflict == direct("GDPO").metrics["conflict/pair/a|b"]


def test_the_example_by_hand(checked, example):
    evidence = checked(example, taus=(0.0, 1.0))
    hard = evidence.method("Hard")
    assert (hard.kept.value, hard.emptied.value, hard.tokens_masked.value) == (0.5, 0, 0.5)
    assert evidence.method("SNR 0").kept.value == 1
    assert evidence.method("SNR 1").kept.value == 0.5
    assert [method.name for method in evidence.methods][:5] == ["GRPO", "GDPO", "SNR 0", "SNR 1", "Hard"]


def test_intervals_hold_the_value_and_what_resampling_by_loop_gives(evidence):
    hard = evidence.method("Hard")
    assert hard.kept.low < hard.kept.value < hard.kept.high
    generator = np.random.default_rng(0)
    kept = generator.integers(0, 9, 100).astype(float)
    sums = {name: np.zeros(100) for name in ("emptied", "tokens", "tokens_masked", "magnitude", "square")}
    figures = Bootstrap(100).resample(sums | {"groups": np.ones(100), "rollouts": np.full(100, 8.0), "kept": kept})
    means = [kept[generator.integers(0, 100, 100)].mean() / 8 for _ in range(4000)]
    assert figures["kept"].value == pytest.approx(kept.mean() / 8)
    assert figures["kept"].interval()[1:] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.01)
    assert np.isnan(figures["effective"].value)


def test_pooling_many_groups_hardly_changes_the_intervals(checked, mixed, monkeypatch):
    before = checked(mixed, taus=()).method("Hard").kept
    monkeypatch.setattr(bootstrap, "BLOCKS", 50)
    after = checked(mixed, taus=()).method("Hard").kept
    assert after.value == before.value
    assert after == pytest.approx(before, abs=0.02)


def test_what_rounding_leaves_of_zeros_is_no_effective_sample(checked):
    """The mean that whitening subtracts is zero here but for rounding, which depends on the order of the rows."""
    shares = []
    for order in ([(2, 3), (0, 2), (0, 3), (0, 4)], [(0, 2), (0, 3), (2, 3), (0, 4)], [(0, 4), (2, 3), (0, 2), (0, 3)]):
        group, (a, length) = "ppppqqqq", zip(*order, *[(0, 0)] * 4, strict=True)
        columns = {"group": group, "a": a, "b": [""] * 8, "response_length": length}
        shares.append(checked(columns, scores=("a", "b")).method("GDPO").effective)
    assert shares == [pytest.approx(shares[0], abs=1e-6)] * 3
    assert shares[0].high == pytest.approx(0.75)  # of p alone; of q alone there is none


def test_a_single_group_has_no_interval(checked):
    evidence = checked({"group": list("qqq"), "a": [1, 2, 3], "b": [3, 1, 2]})
    assert np.isnan(evidence.method("GDPO").cosine["a"].low)


def test_methods_of_plug_ins_have_rows_with_their_options(checked, example, monkeypatch):
    @dataclass(frozen=True)
    class Options:
        least: float = 0.5

    for registry in (ESTIMATORS, FILTERS, NORMALISERS):
        monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    FILTERS.register("margin", Options)(lambda votes, options: votes.total.abs() >= options.least)
    NORMALISERS.register("double")(lambda values: 2 * NORMALISERS.choose("group_std")(values))
    ESTIMATORS.register("mine")(lambda batch: ESTIMATORS.choose("gdpo")(batch))
    evidence = checked(example, taus=())
    names = [method.name for method in evidence.methods]
    assert names[:3] == ["GRPO", "GDPO", "Hard"] and {"margin least=0.5", "mine", "GDPO, double"} <= set(names)
    assert evidence.method("margin least=0.5").filters and not evidence.method("GDPO, double").filters
    assert evidence.method("GDPO, double").cosine_gdpo.value == pytest.approx(1)
    assert evidence.method("margin least=0.5").kept.value == 0.5
    assert evidence.method("mine").cosine_gdpo.value == pytest.approx(1)
