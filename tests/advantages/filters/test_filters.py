"""The filters on votes whose signs and ratios are plain to see."""

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.advantages.filters.hard import hard
from gd2po.advantages.filters.none import none
from gd2po.advantages.filters.share import ShareOptions, share
from gd2po.advantages.filters.snr import SnrOptions, snr
from gd2po.advantages.filters.soft import SoftOptions, soft


@pytest.fixture
def votes(votes_of):
    """Agreement, conflicts with |sum| / sum|·| of 0, 1/3 and 0.8, one vote only, none at all."""
    return votes_of([[1, 1, 2, 9, -1, 0], [2, -1, -1, -1, 0, 0]])


def test_none_keeps_all(votes):
    assert none(votes).all()


def test_hard_drops_every_conflict(votes):
    assert hard(votes).tolist() == [True, False, False, False, True, True]


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [
        (0.0, [True, True, True, True, True, True]),
        (0.3, [True, False, True, True, True, True]),
        (0.79, [True, False, False, True, True, True]),
        (0.81, [True, False, False, False, True, True]),
        (1.0, [True, False, False, False, True, True]),
    ],
)
def test_snr_drops_conflicts_below_the_threshold(votes, threshold, kept):
    assert snr(votes, SnrOptions(threshold)).tolist() == kept


def test_snr_with_two_rewards_in_closed_form(votes_of):
    """A conflict is dropped if the weaker vote exceeds (1 − τ) / (1 + τ) of the stronger: 1/9 at τ = 0.8."""
    assert snr(votes_of([[1, 1], [-0.110, -0.112]]), SnrOptions(0.8)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("masked", "kept"),
    [
        (0.0, [True, True, True, True, True, True]),
        (0.16, [True, True, True, True, True, True]),
        (1 / 6, [True, False, True, True, True, True]),
        (0.4, [True, False, False, True, True, True]),
        (0.9, [True, False, False, False, True, True]),
    ],
)
def test_share_drops_the_least_agreeing_up_to_the_share(votes, masked, kept):
    assert share(votes, ShareOptions(masked)).tolist() == kept


def test_share_drops_equal_ratios_together_or_not_at_all(votes_of):
    tied = votes_of([[1, 2, 3, 1], [-1, -2, -2, 1]])
    assert share(tied, ShareOptions(0.25)).all()
    assert share(tied, ShareOptions(0.5)).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("power", "factors"), [(0, [1] * 6), (1, [1, 0, 1 / 3, 0.8, 1, 1]), (2, [1, 0, 1 / 9, 0.64, 1, 1])]
)
def test_soft_weighs_conflicts_by_their_ratio(votes, power, factors):
    assert soft(votes, SoftOptions(power)).tolist() == pytest.approx(factors)


def test_soft_drops_no_rollout_and_weighs_its_group(example):
    out = compute_advantages(*example, conflict_filter={"kind": "soft", "power": 2}, whiten="none")
    plain = compute_advantages(*example, estimator="gdpo", whiten="none")
    votes = torch.stack(list(plain.per_reward.values())).double()
    ratios = votes.sum(0).abs() / (votes.abs().sum(0) + 1e-8)
    factors = torch.where(out.conflict, ratios.square(), 1.0)
    weights = factors.view(3, 4).mean(1).repeat_interleave(4)  # groups of four, in order
    assert out.kept.all() and out.conflict.any()
    torch.testing.assert_close(out.query_weight.double(), weights, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        out.rollout_advantages.double(), weights * factors * plain.rollout_advantages, atol=1e-5, rtol=0
    )
