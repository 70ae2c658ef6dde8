"""A training of the lab by verl's own trainer on CPU, in a process of its own."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gd2po.lab.results import LabError, Result
from gd2po.lab.trainings import Training
from gd2po.paths import config_dir
from gd2po.quickstart.plan import LANGUAGE_MODEL, TINY_MODEL
from gd2po.runs import process
from gd2po.runs.process import Step

DEVICE = "CPU"


def train_by_verl(training: Training, overrides: Sequence[str], folder: Path) -> Result:
    """Train by verl.

    Args:
        training: The training.
        overrides: Hydra's overrides over the configuration of its task.
        folder: The folder for log and metrics.

    Raises:
        TrainingError: verl ended early; the message has the end of its log.
        LabError: The log has no validation of a reward.
    """
    metrics, log = folder / "metrics.jsonl", folder / "log.txt"
    metrics.unlink(missing_ok=True)
    of_host = [*overrides, "trainer.logger=[console,file]", "actor_rollout_ref.rollout.val_kwargs.top_p=1.0"]
    if training.model != TINY_MODEL:
        of_host += LANGUAGE_MODEL.overrides
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train"]
    command += ["--config-dir", str(config_dir(training.task.configuration)), "--config-name", "base", *of_host]
    environment = {"VERL_PLATFORM": "cpu", process.METRICS_VARIABLE: str(metrics), "HYDRA_FULL_ERROR": "1"}
    begun = time.monotonic()
    code = process.run(command, log, environment, lambda: None)
    logged = list(process.read_steps(metrics))
    if code != 0 or not logged or logged[-1]["step"] < training.size.steps:
        raise process.failure(training.name, code, log)
    return to_result(training, logged, time.monotonic() - begun)


def to_result(training: Training, logged: Sequence[Step], seconds: float) -> Result:
    """The result of a training from its logged steps.

    Raises:
        LabError: The log has no validation of a reward.
    """
    evaluations = [step for step in logged if any(name.startswith("val-aux/") for name in step["data"])]
    if len(evaluations) < 2:
        raise LabError(f"{training.name} has {len(evaluations)} validations in its log: expected two or more")
    elapsed, total = {}, 0.0
    for step in logged:
        total += float(step["data"].get("timing_s/step", 0.0)) if step["step"] else 0.0
        elapsed[step["step"]] = total
    gold = {
        step["step"]: {reward: _validated(step, reward) for reward in training.task.rewards} for step in evaluations
    }
    return training.result(gold, elapsed, seconds)


def _validated(step: Step, reward: str) -> float:
    """The mean of a reward in a validation, over its data sources, whatever the number of answers to each prompt."""
    parts = {name: name.split("/") for name in step["data"] if name.startswith("val-aux/")}
    values = [
        float(step["data"][name])
        for name, (_, _, *measured) in parts.items()
        if measured[0] == reward and measured[-1].startswith("mean@")
    ]
    if not values:
        raise LabError(
            f"step {step['step']} has no metric val-aux/…/{reward}/mean@…: {json.dumps(sorted(parts))[:300]}"
        )
    return sum(values) / len(values)
