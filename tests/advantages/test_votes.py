import pytest
import torch

from gd2po.advantages.votes import cast_votes, opposed


def _votes(advantages: list[list[float]], weights: list[float]):
    return cast_votes(torch.tensor(advantages, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64))


def test_sum_magnitude_and_signal_to_noise_ratio():
    votes = _votes([[1, 0], [-0.5, 0]], [2, 2])
    assert votes.total.tolist() == [1, 0]
    assert votes.magnitude.tolist() == [3, 0]
    assert votes.snr.tolist() == pytest.approx([1 / 3, 0])
    assert votes.conflict.tolist() == [True, False]


@pytest.mark.parametrize(("second", "conflict"), [(-1.1e-8, True), (-0.9e-8, False), (0.0, False)])
def test_a_vote_needs_more_than_the_sign_epsilon(second, conflict):
    assert _votes([[1], [second]], [1, 1]).conflict.item() is conflict
    assert _votes([[-1], [-second]], [1, 1]).conflict.item() is conflict


def test_weight_zero_silences_and_a_negative_weight_turns_a_vote():
    assert not _votes([[1], [-1]], [1, 0]).conflict.item()
    assert not _votes([[1], [-1]], [1, -1]).conflict.item()
    assert _votes([[1], [1]], [1, -1]).conflict.item()


def test_opposed_rewards():
    one, other = torch.tensor([1.0, -1, 1, 1, 0]), torch.tensor([-1.0, 1, 1, -1e-9, -1])
    assert opposed(one, other).tolist() == [True, True, False, False, False]
