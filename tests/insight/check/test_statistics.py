"""Figures of rewards and pairs, checked by hand."""

import numpy as np
import pytest
from scipy import stats

from gd2po.insight.check.statistics.ranks import centred_ranks
from gd2po.insight.check.statistics.rewards import bf16_step


def test_a_reward_by_hand(checked, example):
    correct, short = checked(example).rewards
    assert (correct.low, correct.high, correct.mean, correct.distinct) == (0, 1, 0.5, 2)
    assert correct.std == pytest.approx(np.std(example["correct"], ddof=1))
    assert correct.ties == pytest.approx(2 / 6)
    assert short.ties == 0
    assert (correct.groups, correct.dead_groups, correct.signal, correct.missing) == (2, 0, 1.0, 0)


def test_dead_groups_and_missing_scores(checked):
    columns = {
        "group": list("qqqqpppp"),
        "a": [0.1, 0.1, 0.1, 0.1, 1, 2, "", ""],
        "b": [1, 2, 3, 4, 5, 6, 7, 8],
    }
    a, b = checked(columns, scores=("a", "b")).rewards
    assert (a.groups, a.dead_groups, a.signal, a.missing) == (2, 1, 0.5, 2)
    assert a.ties == pytest.approx(6 / 7)
    assert b.missing == 0


def test_a_pair_by_hand(checked, example):
    (pair,) = checked(example).pairs
    assert (pair.first, pair.second, pair.conflict) == ("correct", "short", 0.5)
    expected = stats.pearsonr(example["correct"], example["short"]).statistic
    assert pair.pearson == pytest.approx(expected)
    assert pair.pearson_within == pytest.approx(expected, abs=1e-5)
    assert pair.spearman == pytest.approx(stats.spearmanr(example["correct"], example["short"]).statistic)


def test_correlation_within_groups_is_not_that_of_the_groups(checked):
    columns = {"group": list("qqqppp"), "a": [1, 2, 3, 11, 12, 13], "b": [3, 2, 1, 13, 12, 11]}
    (pair,) = checked(columns).pairs
    assert pair.pearson > 0.9
    assert pair.pearson_within == pytest.approx(-1, abs=1e-5)
    assert pair.spearman_within == pytest.approx(-1)


def test_a_cost_is_compared_in_its_own_direction(checked):
    columns = {"group": list("qqq"), "a": [1, 2, 3], "harm": [3, 2, 1]}
    (pair,) = checked(columns, directions={"harm": "minimize"}).pairs
    assert pair.pearson == pytest.approx(1)
    assert pair.spearman == pytest.approx(1)
    assert pair.pearson_within == pytest.approx(1, abs=1e-5)
    assert pair.conflict == 0


def test_pairs_are_compared_where_both_are_scored(checked):
    columns = {"group": list("qqqqq"), "a": [1, 2, 3, 9, ""], "b": [2, 4, 6, "", 0]}
    (pair,) = checked(columns).pairs
    assert pair.pearson == pytest.approx(1)
    assert pair.spearman == pytest.approx(1)
    assert pair.spearman_within == pytest.approx(1)


def test_what_does_not_vary_has_no_correlation(checked):
    (pair,) = checked({"group": list("qqq"), "a": [0.1, 0.1, 0.1], "b": [1, 2, 3]}, scores=("a", "b")).pairs
    assert (pair.pearson, pair.spearman, pair.pearson_within, pair.spearman_within) == (None, None, None, None)


def test_ranks_within_groups_are_scipys():
    generator = np.random.default_rng(0)
    groups, values = np.repeat(np.arange(5), 8), generator.integers(0, 4, 40).astype(float)
    expected = np.concatenate([stats.rankdata(part) - 4.5 for part in values.reshape(5, 8)])
    np.testing.assert_allclose(centred_ranks(groups, values), expected)


def test_conflict_by_size_and_source(checked, example):
    columns = {
        name: [*values, *tail] for (name, values), tail in zip(example.items(), ("rr", (0, 1), (0, 1)), strict=True)
    }
    evidence = checked(columns | {"data_source": ["x"] * 8 + ["y"] * 2})
    assert [(part.label, part.groups, part.rollouts, part.conflict) for part in evidence.sizes] == [
        ("2", 1, 2, 0.0),
        ("4", 2, 8, 0.5),
    ]
    assert [(part.label, part.groups, part.conflict) for part in evidence.sources] == [("x", 2, 0.5), ("y", 1, 0.0)]


def test_many_sizes_become_ranges(checked):
    groups = [f"q{size}" for size in range(1, 12) for _ in range(size)]
    values = list(range(len(groups)))
    evidence = checked({"group": groups, "a": values, "b": values}, scores=("a", "b"))
    assert [(part.label, part.groups) for part in evidence.sizes] == [
        ("1", 1), ("2", 1), ("3–4", 2), ("5–8", 4), ("9–16", 3)
    ]  # fmt: skip
    assert sum(part.rollouts for part in evidence.sizes) == len(groups)


def bfloat16(values):
    bits = np.asarray(values, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (bfloat16(np.random.default_rng(0).normal(12.3, 0.1, 100)), 0.0625),
        (bfloat16(np.random.default_rng(0).normal(0, 1, 1000)), 0.015625),
        (np.random.default_rng(0).normal(0, 1, 1000), None),
        (np.arange(200.0), None),
        (np.array([0, 0.25, 0.5, 1]), None),
        (np.arange(17) / 16, None),
        (np.array([0, 0.1, 0.2, 1.0]), None),
        (np.array([0.90234375]), None),
    ],
    ids=["near 12", "near 0", "float32", "whole", "quarters", "sixteenths", "tenths", "single"],
)
def test_bfloat16_is_suspected_where_it_shows(values, step):
    assert bf16_step(np.unique(values)) == step
