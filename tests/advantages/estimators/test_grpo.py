import math

import torch

from gd2po.advantages import compute_advantages

MASK = torch.ones(4, 1)


def _rows(scores, **options):
    return compute_advantages(scores, "qqqq", MASK, estimator="grpo", **options).rollout_advantages


def test_weights_and_directions_enter_the_sum():
    a, b = torch.tensor([1.0, 0, 3, 2]), torch.tensor([0.0, 2, 1, 5])
    found = _rows({"a": a, "b": b}, reward_weights={"a": 2.0, "b": 0.5}, directions={"b": "minimize"})
    torch.testing.assert_close(found, _rows({"sum": 2 * a - 0.5 * b}))


def test_a_missing_score_leaves_its_term_out():
    found = _rows({"a": torch.tensor([1.0, 0, 3, 2]), "b": torch.tensor([1.0, math.nan, 1, 0])})
    torch.testing.assert_close(found, _rows({"sum": torch.tensor([2.0, 0, 4, 2])}))


def test_a_row_without_scores_enters_no_statistic():
    found = _rows({"a": torch.tensor([1.0, 0, math.nan, 2])})
    expected = compute_advantages({"a": torch.tensor([1.0, 0, 2])}, "qqq", MASK[:3], estimator="grpo")
    torch.testing.assert_close(found[[0, 1, 3]], expected.rollout_advantages)
    assert found[2] == 0


def test_nothing_is_filtered_or_reweighted(example):
    plain = compute_advantages(*example, estimator="grpo")
    assert plain.kept.all() and plain.query_weight.eq(1).all()
    assert plain.conflict.any()
