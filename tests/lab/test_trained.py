"""Trainings beside those of the reference method: seeds are put together and paired."""

import pytest

from gd2po.lab.results import LabError
from gd2po.lab.trained import merged


def test_trainings_are_compared_where_two_seeds_are_shared(summary):
    [trained] = summary.trained
    assert trained.cells["tool"]["gdpo_floored"].seeds == 2
    assert trained.cells["tool"]["gdpo_floored"].equal_time is not None
    assert [task.name for task in trained.tasks] == ["tool"] and trained.courses["tool"].rollouts == 128
    assert trained.overall["gdpo_floored"][0] == trained.cells["tool"]["gdpo_floored"].difference[0]


def test_seeds_of_trainings_are_put_together_once(make):
    first, second = (make("gdpo", kind="runs", seeds=(seed,)) for seed in (1, 2))
    assert merged(first, second).seeds == (1, 2) and merged(first, second).elapsed == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(LabError, match=r"two results have the seeds \[1\]"):
        merged(first, first)
