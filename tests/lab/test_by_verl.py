"""What the lab reads from the log of verl."""

import pytest

from gd2po.lab.by_verl import to_result
from gd2po.lab.methods import METHODS
from gd2po.lab.results import LabError, Setup
from gd2po.lab.tasks import TASKS
from gd2po.lab.trainings import Training

TASK = TASKS["tool-calling-2"]
TRAINING = Training(
    TASK, METHODS["gdpo"], 7, Setup(host="verl", model="tiny", device="CPU"), model="tiny", size=TASK.size
)


def logged(steps=4, sources=("rlla",)):
    for step in range(steps + 1):
        data = {"timing_s/step": 2.0} if step else {}
        if step % 2 == 0:
            for place, source in enumerate(sources):
                data |= {f"val-aux/{source}/{name}/mean@2": 0.1 * step + place for name in TASK.rewards}
                data |= {f"val-aux/{source}/{name}/std@2": 9.0 for name in TASK.rewards}
        yield {"step": step, "data": data}


def test_a_log_becomes_a_result():
    result = to_result(TRAINING, list(logged()), 12.0)
    assert (result.seeds, result.steps, result.kind) == ((7,), (0, 2, 4), "runs")
    assert result.gold["length"] == [[0.0], [0.2], [0.4]] and result.elapsed == [[0.0], [4.0], [8.0]]


def test_the_sources_of_a_validation_count_alike():
    assert to_result(TRAINING, list(logged(sources=("a", "b"))), 12.0).gold["length"] == [[0.5], [0.7], [0.9]]


def test_a_log_without_validation_is_refused():
    with pytest.raises(LabError, match="1 validations"):
        to_result(TRAINING, list(logged(1)), 1.0)
