import pytest
import torch

from gd2po.advantages.votes import opposed


def test_sum_magnitude_and_signal_to_noise_ratio(votes_of):
    votes = votes_of([[1, 0], [-0.5, 0]], [2, 2])
    assert votes.total.tolist() == [1, 0]
    assert votes.magnitude.tolist() == [3, 0]
    assert votes.snr.tolist() == pytest.approx([1 / 3, 0])
    assert votes.conflict.tolist() == [True, False]


@pytest.mark.parametrize(("second", "conflict"), [(-1.1e-8, True), (-0.9e-8, False), (0.0, False)])
def test_a_vote_needs_more_than_the_sign_epsilon(votes_of, second, conflict):
    assert votes_of([[1], [second]], [1, 1]).conflict.item() is conflict
    assert votes_of([[-1], [-second]], [1, 1]).conflict.item() is conflict


def test_weight_zero_silences_and_a_negative_weight_turns_a_vote(votes_of):
    assert not votes_of([[1], [-1]], [1, 0]).conflict.item()
    assert not votes_of([[1], [-1]], [1, -1]).conflict.item()
    assert votes_of([[1], [1]], [1, -1]).conflict.item()


def test_opposed_rewards():
    one, other = torch.tensor([1.0, -1, 1, 1, 0]), torch.tensor([-1.0, 1, 1, -1e-9, -1])
    assert opposed(one, other).tolist() == [True, True, False, False, False]
