import pytest
import torch

from gd2po.advantages.groups import group_rollouts

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "group_ids", ["abab", [1, 2, 1, 2], [("p", 0), None, ("p", 0), None], torch.tensor([7, 3, 7, 3])], ids=repr
)
def test_any_hashable_numbers_groups_in_order_of_appearance(group_ids):
    groups = group_rollouts(group_ids, 4, CPU)
    assert groups.index.tolist() == [0, 1, 0, 1]
    assert groups.count == 2


def test_sums_and_extremes():
    groups = group_rollouts("abab", 4, CPU)
    values = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], dtype=torch.float64)
    assert groups.sum(values).tolist() == [[4, 6], [12, 14]]
    scored = torch.tensor([[True, True, False, True], [False, True, False, True]])
    low, high = groups.extremes(values, scored)
    assert low.tolist() == [[1, 2], [torch.inf, 6]]
    assert high.tolist() == [[1, 4], [-torch.inf, 8]]
    assert groups.to_rollouts(groups.sum(values[0])).tolist() == [4, 6, 4, 6]


def test_a_wrong_number_of_ids_is_refused():
    with pytest.raises(ValueError, match="group_ids has 3 ids for 4 rollouts"):
        group_rollouts("abc", 4, CPU)


def test_unhashable_ids_are_refused():
    with pytest.raises(TypeError, match="group_ids must be hashable"):
        group_rollouts(torch.ones(2, 2), 2, CPU)
