"""The three filters on votes whose signs and ratios are plain to see."""

import pytest

from gd2po.advantages.filters.hard import hard
from gd2po.advantages.filters.none import none
from gd2po.advantages.filters.snr import SnrOptions, snr


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
