"""The two public functions: rows and tokens, missing scores, order of names, the documented example."""

import doctest
import math

import pytest
import torch

import gd2po.advantages
from gd2po.advantages import compute_advantages, compute_rollout_advantages

NAN = math.nan


def test_the_documented_example_is_true():
    assert doctest.testmod(gd2po.advantages) == (0, 6)


def test_tokens_are_rows_times_mask(example):
    tokens = compute_advantages(*example)
    rows = compute_rollout_advantages(example.scores, example.group_ids, example.mask.sum(-1))
    assert torch.equal(tokens.rollout_advantages, rows.rollout_advantages)
    assert torch.equal(tokens.advantages, rows.rollout_advantages[:, None] * example.mask)
    assert tokens.metrics == rows.metrics


def test_a_missing_score_drops_that_vote_only():
    """Row 0 would be in conflict; row 3 has no score at all."""
    scores = {"a": torch.tensor([3.0, 1, 2, NAN]), "b": torch.tensor([NAN, 2.0, 1, NAN])}
    out = compute_advantages(scores, "qqqq", torch.ones(4, 2), whiten="none")
    assert out.conflict.tolist() == [False, True, False, False]
    assert out.kept.tolist() == [True, False, True, False]
    assert out.per_reward["b"][[0, 3]].eq(0).all()
    torch.testing.assert_close(out.query_weight, torch.tensor([2 / 3, 2 / 3, 2 / 3, 0]))
    assert out.rollout_advantages[[1, 3]].eq(0).all()


def test_zero_is_a_score():
    out = compute_advantages({"a": torch.tensor([0.0, 1.0])}, "qq", torch.ones(2, 1))
    assert out.kept.all() and out.advantages.ne(0).all()


def test_the_order_of_rewards_is_irrelevant(example):
    backwards = dict(reversed(example.scores.items()))
    out, other = compute_advantages(*example), compute_advantages(backwards, example.group_ids, example.mask)
    assert torch.equal(out.advantages, other.advantages)
    assert out.metrics == other.metrics


def test_integer_and_half_precision_scores(example):
    whole = {"correctness": example.scores["correctness"]}
    expected = compute_advantages(whole, example.group_ids, example.mask).advantages
    for dtype in (torch.int64, torch.bfloat16, torch.float64):
        scores = {"correctness": whole["correctness"].to(dtype)}
        assert torch.equal(compute_advantages(scores, example.group_ids, example.mask).advantages, expected)


def test_rollouts_without_response_tokens_are_no_trouble():
    out = compute_advantages({"a": torch.rand(3)}, "qqq", torch.ones(3, 0))
    assert out.advantages.shape == (3, 0)


@pytest.mark.parametrize("estimator", ["grpo", "gdpo", "gd2po"])
def test_minimize_is_a_change_of_sign(example, estimator):
    costs = {name: -row for name, row in example.scores.items()}
    directions = dict.fromkeys(costs, "minimize")
    found = compute_advantages(costs, example.group_ids, example.mask, estimator=estimator, directions=directions)
    expected = compute_advantages(*example, estimator=estimator)
    torch.testing.assert_close(found.advantages, expected.advantages, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("size", range(1, 17))
@pytest.mark.parametrize("constant", [0.0, 0.1, -2.9, 5.37, 100.3, 1e8])
def test_a_constant_reward_has_no_vote(size, constant):
    """In float32, subtracting the mean of a few constants leaves a residue of one sign, which would vote."""
    informative = torch.arange(float(size))
    scores = {"informative": informative, "constant": torch.full((size,), constant)}
    out = compute_advantages(scores, ["q"] * size, torch.ones(size, 2))
    assert out.per_reward["constant"].eq(0).all()
    assert out.kept.all()
    alone = compute_advantages({"informative": informative}, ["q"] * size, torch.ones(size, 2))
    torch.testing.assert_close(out.advantages, alone.advantages)
