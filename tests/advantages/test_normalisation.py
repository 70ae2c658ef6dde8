import pytest
import torch

from gd2po.advantages.groups import group_rollouts
from gd2po.advantages.normalisation import GroupScores, group_scores
from gd2po.advantages.registry import normaliser

CPU = torch.device("cpu")


def _scores(values: list[float], group_ids: str) -> GroupScores:
    scores = torch.tensor(values, dtype=torch.float64)
    scored = ~scores.isnan()
    return group_scores(torch.where(scored, scores, 0.0), scored, group_rollouts(group_ids, len(values), CPU))


def _normalise(values: list[float], group_ids: str, kind: str = "group_std") -> torch.Tensor:
    return normaliser(kind)(_scores(values, group_ids))


def test_unbiased_standard_deviation_plus_epsilon():
    # Group a: mean 2, std √((1 + 1) / 1) = √2. Group b: mean 0, std 1.
    advantages = _normalise([1, -1, 3, 0, 1], "ababb")
    a, b = 2**0.5 + 1e-6, 1 + 1e-6
    torch.testing.assert_close(advantages, torch.tensor([-1 / a, -1 / b, 1 / a, 0, 1 / b], dtype=torch.float64))


def test_without_the_standard_deviation():
    assert _normalise([1, -1, 3, 0, 1], "ababb", "group_mean").tolist() == [-1, -1, 1, 0, 1]


def test_missing_scores_are_left_out_of_mean_and_deviation():
    advantages = _normalise([1, float("nan"), 3], "aaa")
    torch.testing.assert_close(advantages[[0, 2]], _normalise([1, 3], "aa"))
    assert advantages[1] == 0


def test_fewer_than_two_scored_rollouts_give_zero_and_are_not_called_a_tie():
    scores = [50, float("nan"), 7]
    assert _normalise(scores, "aab").eq(0).all()
    assert not _scores(scores, "aab").zero_spread.any()


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_spread_floor_is_relative(scale):
    below, above = [scale, scale * (1 + 0.9e-6)], [scale, scale * (1 + 1.1e-6)]
    assert _normalise(below, "aa").eq(0).all() and _scores(below, "aa").zero_spread.item()
    assert _normalise(above, "aa").ne(0).all() and not _scores(above, "aa").zero_spread.item()


def test_float32_constants_tie_exactly():
    """bfloat16 and float32 constants are what reward models hand over; their float64 mean is not exact either."""
    constant = float(torch.tensor(0.97, dtype=torch.float32))
    assert _normalise([constant] * 7, "aaaaaaa").eq(0).all()


def test_a_large_offset_costs_no_digits():
    offset, scores = 2.0**23, [0.0, 1, 2, 9, 15, 15, 15]
    torch.testing.assert_close(
        _normalise([offset + 64 * score for score in scores], "aaaaaaa", "group_mean"),
        64 * _normalise(scores, "aaaaaaa", "group_mean"),
        atol=1e-12,
        rtol=1e-15,
    )
