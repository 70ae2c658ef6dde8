import pytest
import torch

from gd2po.advantages.gains import gains

ALL = torch.ones(4, dtype=torch.bool)


def test_a_reward_gains_its_own_size_from_its_own_advantages():
    first, second = torch.tensor([1.0, -1, 1, -1]), torch.tensor([1.0, 1, -1, -1])
    assert gains(torch.stack([first, second, -first]), 7 * first, ALL).tolist() == [1, 0, -1]


def test_the_scale_of_the_advantages_does_not_matter():
    torch.manual_seed(0)
    per_reward, advantages = torch.randn(3, 4), torch.randn(4)
    torch.testing.assert_close(gains(per_reward, advantages, ALL), gains(per_reward, 1e-6 * advantages, ALL))


def test_rows_that_are_not_valid_count_nowhere():
    valid = torch.tensor([True, True, False, False])
    per_reward = torch.tensor([[1.0, -1, 5, 5]])
    assert gains(per_reward, torch.tensor([2.0, -2, 9, 9]), valid).tolist() == [1]


@pytest.mark.parametrize("valid", [ALL, ~ALL])
def test_without_advantages_nothing_is_gained(valid):
    assert gains(torch.ones(2, 4), torch.zeros(4), valid).tolist() == [0, 0]
