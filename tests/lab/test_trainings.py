"""Trainings of the lab: their order, their overrides, and what is done again."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import SettingsError
from gd2po.lab import trainings
from gd2po.lab.methods import METHODS
from gd2po.lab.results import Setup
from gd2po.lab.tasks import MODEL_SIZE, TASKS
from gd2po.lab.trainings import overrides_of, overrides_of_training, plan_trainings, run_trainings

SETUP = Setup(host="trl", model="tiny", device="CPU")


def planned(tasks=("arithmetic",), methods=("gdpo", "grpo"), seeds=1, setup=SETUP, model="tiny", steps=4):
    plan = plan_trainings(list(tasks), list(methods), seeds, setup, model, steps)
    return [
        replace(training, task=replace(training.task, prepare=lambda *_: {}, missing=lambda: None)) for training in plan
    ]


def test_every_seed_has_all_methods_before_the_next_begins():
    assert [training.name for training in planned(seeds=2)] == [
        "arithmetic/gdpo-trl-tiny-seed1",
        "arithmetic/grpo-trl-tiny-seed1",
        "arithmetic/gdpo-trl-tiny-seed2",
        "arithmetic/grpo-trl-tiny-seed2",
    ]
    with pytest.raises(SettingsError, match="tool-calling-2"):
        planned(["tool-caling-2"])


def test_a_pretrained_model_learns_the_tasks_that_suit_it_with_a_size_of_its_own():
    plan = planned([], model="/models/some", steps=None)
    assert {training.task.name for training in plan} == {"tool-calling-3", "tool-calling-2"}
    assert {training.size for training in plan} == {MODEL_SIZE}
    with pytest.raises(SettingsError, match=r"task arithmetic is for the policy tiny, but --model is /models/some"):
        planned(model="/models/some")


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


def test_methods_differ_in_nothing_but_the_method(tmp_path):
    gdpo, grpo = (overrides_of_training(training, {"data.train_files": "a"}, tmp_path) for training in planned())
    assert [word for word in gdpo if word not in grpo] == ["method=gdpo", "run.method=gdpo"]
    assert {"run.seed=1", "data.train_files=a", "trainer.test_freq=1", "trainer.total_training_steps=4"} < set(gdpo)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_each_reward_of_a_task_has_a_weight(task):
    assert len(task.weights) == len(task.rewards) and min(task.weights) > 0


def test_what_is_there_is_not_trained_again_and_the_time_is_kept(tmp_path):
    trained = []

    def train(training, overrides, folder):
        assert folder.is_dir() and f"trainer.default_local_dir={folder}" in overrides
        trained.append(training)
        gold = {step: dict.fromkeys(training.task.rewards, 0.1 * step) for step in (0, training.size.steps)}
        return training.result(gold, {0: 0.0, training.size.steps: 3.0}, 5.0)

    def outcomes(hours=1.0, **of_plan):
        return [" ".join(said.split()[:2]) for _, said in run_trainings(planned(**of_plan), tmp_path, hours, train)]

    assert outcomes(-1) == ["is left"] and trained == []
    assert outcomes() == ["trained in"] * 2 and outcomes() == ["is there"] * 2
    assert [training.method.name for training in trained] == ["gdpo", "grpo"]
    [result] = [result for result in trainings.ResultFolder(tmp_path).results() if result.method == "gdpo"]
    assert result.trained_with == SETUP and result.rollouts == [[0.0], [4.0 * 8 * trained[0].size.prompts]]
    assert outcomes(steps=8) == ["trained in"] * 2  # another training
    gpu = SETUP.model_copy(update={"device": "a card"})
    assert outcomes(setup=gpu, steps=8) == ["trained in"] * 2


def test_a_task_that_cannot_be_run_here_is_left_out_with_the_reason(tmp_path):
    plan = [replace(planned()[0], task=replace(TASKS["programs"], missing=lambda: "there is no sandbox"))]
    outcomes = [said for _, said in run_trainings(plan, tmp_path, 1.0, lambda *_: pytest.fail("it was trained"))]
    assert outcomes == ["is left out: there is no sandbox"]


def test_the_command_refuses_a_task_that_it_does_not_know(tmp_path):
    done = CliRunner().invoke(app, ["lab", "runs", "--host", "verl", "--tasks", "safty", "--output", str(tmp_path)])
    assert done.exit_code == 2 and "safety" in done.output and "verl trains tiny on CPU" in done.output
