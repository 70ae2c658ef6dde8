"""Trainings of the lab: their order, their commands, and what is read from their logs."""

import pytest

from gd2po.errors import SettingsError
from gd2po.lab import trainings
from gd2po.lab.methods import METHODS
from gd2po.lab.results import LabError
from gd2po.lab.trainings import TASKS, Training, overrides_of, plan_trainings, run_trainings, to_result

TASK = TASKS["tool-calling-2"]


def logged(steps=4):
    for step in range(steps + 1):
        data = {"timing_s/step": 2.0, "rollouts/count": 64} if step else {}
        if step % 2 == 0:
            data |= {f"val-aux/rlla/{name}/mean@2": 0.1 * step for name in TASK.rewards}
        yield {"step": step, "data": data}


def test_every_seed_has_all_methods_before_the_next_begins():
    planned = plan_trainings(["tool-calling-2"], ["gdpo", "grpo"], 2)
    assert [training.name for training in planned] == [
        "tool-calling-2/gdpo-seed1",
        "tool-calling-2/grpo-seed1",
        "tool-calling-2/gdpo-seed2",
        "tool-calling-2/grpo-seed2",
    ]
    with pytest.raises(SettingsError, match="tool-calling-2"):
        plan_trainings(["tool-caling-2"], [], 1)


def test_a_method_is_chosen_by_overrides():
    assert overrides_of(METHODS["grpo"]) == ["method=grpo", "run.method=grpo"]
    assert overrides_of(METHODS["gd2po_snr0.2_floored"]) == [
        "method=gd2po_hard",
        "run.method=gd2po_snr0.2_floored",
        "algorithm.gd2po.filter.kind=snr",
        "+algorithm.gd2po.filter.threshold=0.2",
        "+algorithm.gd2po.normalise.kind=floored",
    ]
    assert "+algorithm.gd2po.whiten=none" in overrides_of(METHODS["gdpo_dvao"])


def test_a_log_becomes_a_result():
    result = to_result(Training(TASK, METHODS["gdpo"], 7), list(logged()), 12.0)
    assert (result.seeds, result.steps, result.kind) == ((7,), (0, 2, 4), "runs")
    assert result.gold["length"] == [[0.0], [0.2], [0.4]]
    assert (result.rollouts, result.elapsed) == ([[0.0], [128.0], [256.0]], [[0.0], [4.0], [8.0]])


def test_a_log_without_validation_is_refused():
    with pytest.raises(LabError, match="1 validations"):
        to_result(Training(TASK, METHODS["gdpo"], 7), list(logged(1)), 1.0)


def test_what_is_there_is_not_trained_again_and_the_time_is_kept(tmp_path, monkeypatch):
    trained = []

    def train(training, steps, folder, prepare):
        trained.append(training.name)
        return to_result(training, list(logged(steps)), 1.0)

    monkeypatch.setattr(trainings, "_train", train)
    planned = plan_trainings(["tool-calling-2"], ["gdpo", "grpo"], 1)

    def outcomes(hours):
        return [outcome.split()[0] for _, outcome in run_trainings(planned, 4, tmp_path, hours, lambda *_: [])]

    assert outcomes(-1) == ["left"] and trained == []
    assert outcomes(1) == ["trained", "trained"] and outcomes(1) == ["is", "is"]
    assert trained == [training.name for training in planned]
