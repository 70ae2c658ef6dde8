"""Methods in verl's own trainer: one training for each task, method and seed, the most telling first."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import unknown_name
from gd2po.lab.methods import METHODS, LabMethod
from gd2po.lab.results import LabError, Result, ResultFolder, Task
from gd2po.paths import config_dir
from gd2po.runs import process
from gd2po.runs.process import Step

MOST_TELLING = (
    *("gdpo", "gdpo_floored", "grpo", "gd2po_hard", "gd2po_snr0.2"),
    *("gdpo_shrunk", "gd2po_guard", "gd2po_snr0.8", "gd2po_snr0.5", "gdpo_softmin"),
)
"""The methods that are trained where none is named; every seed has all of them before the next seed begins."""

VALIDATIONS = 4
"""The number of validations in a training, beside the one before it."""

Prepare = Callable[[int, int, Path], Sequence[str]]
"""Seed, steps and folder → overrides that choose data, policy and sizes, once both are there."""


@dataclass(frozen=True)
class TrainingTask:
    """A task that the real trainer learns.

    Attributes:
        name: The name in results.
        summary: What it is, in a line.
        configuration: The folder of the repository whose configuration it uses.
        rewards: The names of the rewards.
        source: The data source in the names of validation metrics.
        overrides: What is changed in the configuration.
    """

    name: str
    summary: str
    configuration: str
    rewards: tuple[str, ...]
    source: str
    overrides: tuple[str, ...]


TASKS = {
    task.name: task
    for task in (
        TrainingTask(
            "tool-calling-3",
            "tool calling with a tiny policy, three rewards",
            "tool-calling",
            ("correctness", "format", "length"),
            "rlla",
            ("rewards=correctness_length_format",),
        ),
        TrainingTask(
            "tool-calling-2",
            "tool calling with a tiny policy, two rewards",
            "tool-calling",
            ("correctness", "length"),
            "rlla",
            ("rewards=correctness_length",),
        ),
    )
}
"""Name → task."""


@dataclass(frozen=True)
class Training:
    """A training to be done: one method on one task with one seed."""

    task: TrainingTask
    method: LabMethod
    seed: int

    @property
    def name(self) -> str:
        """The name in the output and of its folder."""
        return f"{self.task.name}/{self.method.name}-seed{self.seed}"


def plan_trainings(tasks: Sequence[str], methods: Sequence[str], seeds: int) -> list[Training]:
    """All trainings, in the order in which they are done.

    Raises:
        SettingsError: a task or a method is not known.
    """
    for names, known, kind in ((tasks, TASKS, "task of the lab"), (methods, METHODS, "method of the lab")):
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    return [
        Training(TASKS[task], METHODS[method], seed)
        for seed in range(1, seeds + 1)
        for method in methods or MOST_TELLING
        for task in tasks or TASKS
    ]


def run_trainings(
    trainings: Sequence[Training], steps: int, folder: Path, hours: float, prepare: Prepare
) -> Iterator[tuple[Training, str]]:
    """Do what is not there yet, one at a time, and tell of each what became of it.

    A training is started only if the longest one so far would end in time.

    Args:
        trainings: The trainings in their order.
        steps: The number of steps of each.
        folder: The folder of results; logs lie below ``trainings``.
        hours: The time for all of them.
        prepare: What makes data and policy of a seed.

    Raises:
        LabError: verl ended early; the message has the end of its log.
    """
    results, started, longest = ResultFolder(folder), time.monotonic(), 0.0
    for training in trainings:
        if results.has_training(training.task.name, training.method.name, training.seed, steps):
            yield training, "is there"
            continue
        if time.monotonic() - started + longest > 3600 * hours:
            yield training, "left for the next call: the time is up"
            return
        begun = time.monotonic()
        results.write(_train(training, steps, folder, prepare))
        longest = max(longest, time.monotonic() - begun)
        yield training, f"trained in {longest:.0f} s"


def overrides_of(method: LabMethod) -> list[str]:
    """Hydra overrides that choose a method, with all its options, over the configuration of a task."""
    estimator = method.settings["estimator"]
    base = "gd2po_hard" if estimator == "gd2po" else estimator
    overrides = [f"method={base}", f"run.method={method.name}"]
    for part, choice in method.settings.items():
        if part == "estimator":
            continue
        for name, value in choice.items() if isinstance(choice, Mapping) else [("", choice)]:
            key = ".".join(filter(None, ("algorithm.gd2po", part, name)))
            given = base == "gd2po_hard" and key == "algorithm.gd2po.filter.kind"
            overrides.append(f"{'' if given else '+'}{key}={value}")
    return overrides


def _train(training: Training, steps: int, folder: Path, prepare: Prepare) -> Result:
    run_folder = (folder / "trainings" / training.name).resolve()
    run_folder.mkdir(parents=True, exist_ok=True)
    metrics, log = run_folder / "metrics.jsonl", run_folder / "log.txt"
    metrics.unlink(missing_ok=True)
    sizes = prepare(training.seed, steps, (folder / "trainings" / "policies").resolve())
    overrides = [
        *overrides_of(training.method),
        *training.task.overrides,
        *sizes,
        f"trainer.test_freq={max(1, steps // VALIDATIONS)}",
        f"trainer.default_local_dir={run_folder}",
    ]
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train"]
    command += ["--config-dir", str(config_dir(training.task.configuration)), "--config-name", "base", *overrides]
    environment = {"VERL_PLATFORM": "cpu", process.METRICS_VARIABLE: str(metrics), "HYDRA_FULL_ERROR": "1"}
    begun = time.monotonic()
    code = process.run(command, log, environment, lambda: None)
    logged = list(process.read_steps(metrics))
    if code != 0 or not logged or logged[-1]["step"] < steps:
        raise process.failure(training.name, code, log)
    return to_result(training, logged, time.monotonic() - begun)


def to_result(training: Training, logged: Sequence[Step], seconds: float) -> Result:
    """The result of a training from its logged steps.

    Raises:
        LabError: the log has no validation of a reward.
    """
    task = training.task
    evaluations = [step for step in logged if any(name.startswith("val-aux/") for name in step["data"])]
    if len(evaluations) < 2:
        raise LabError(f"{training.name} has {len(evaluations)} validations in its log: expected two or more")

    def up_to(step: Step, metric: str) -> float:
        return sum(float(other["data"].get(metric, 0.0)) for other in logged if 0 < other["step"] <= step["step"])

    return Result(
        kind="runs",
        task=Task(
            name=task.name,
            summary=task.summary,
            categories=("training",),
            held_out=False,
            rewards=task.rewards,
            weights=(1.0,) * len(task.rewards),
            settings={"steps": logged[-1]["step"]},
        ),
        method=training.method.name,
        settings=dict(training.method.settings),
        seeds=(training.seed,),
        steps=tuple(step["step"] for step in evaluations),
        gold={reward: [[_validated(step, task.source, reward)] for step in evaluations] for reward in task.rewards},
        rollouts=[[up_to(step, "rollouts/count")] for step in evaluations],
        elapsed=[[round(up_to(step, "timing_s/step"), 2)] for step in evaluations],
        seconds=round(seconds, 2),
    )


def _validated(step: Step, source: str, reward: str) -> float:
    """The mean of a reward in a validation, whatever the number of answers to each prompt."""
    data: Mapping[str, Any] = step["data"]
    start = f"val-aux/{source}/{reward}/mean@"
    values = [value for name, value in data.items() if name.startswith(start)]
    if not values:
        raise LabError(f"step {step['step']} has no metric {start}…: {json.dumps(sorted(data))[:300]}")
    return round(float(values[0]), 5)
