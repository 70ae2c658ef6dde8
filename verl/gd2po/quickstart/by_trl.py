"""A method of the quickstart trained by TRL: the same task, policy and overrides, and metrics under verl's names."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gd2po.paths import config_dir
from gd2po.quickstart.plan import REWARDS, TEST_ROLLOUTS, Plan
from gd2po.runs import process as runs
from gd2po.runs.process import Step, read_steps

UPDATES = 2
"""The number of updates of one step of verl, each of which is a step of TRL."""


def train_by_trl(plan: Plan, method: str, on_step: Callable[[int], None]) -> list[Step]:
    """Train one method by TRL in a process of its own, and follow its metrics.

    Args:
        plan: The sizes and folders.
        method: The config name of the method.
        on_step: A function that is called with the number of finished steps, also with 0 while TRL starts.

    Returns:
        One entry per step of verl, as verl would log it; step 0 is the validation before training.

    Raises:
        TrainingError: TRL ended early; the message has the end of its log.
    """
    folder = plan.run_folder(method)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--host", "trl"]
    command += ["--config-dir", str(config_dir("tool-calling")), "--config-name", "base", "scale=cpu"]
    metrics, log = folder / "metrics-001.jsonl", folder / "log.txt"
    code = runs.run(
        command + plan.overrides(method), log, {"CUDA_VISIBLE_DEVICES": ""}, lambda: on_step(len(list(_steps(metrics))))
    )
    steps = list(_steps(metrics))
    if code != 0 or len(steps) < plan.steps:
        raise runs.failure(method, code, log)
    on_step(plan.steps)
    evaluations = [step["data"] for step in read_steps(metrics) if "eval_loss" in step["data"]]
    before, after = (_validation(evaluations[number]) for number in (0, -1))
    steps[-1]["data"] |= after
    return [{"step": 0, "data": before}, *steps]


def _steps(metrics: Path) -> Iterator[Step]:
    """The steps of verl of which all updates are logged."""
    updates = [step["data"] for step in read_steps(metrics) if "grad_norm" in step["data"]]
    for number in range(len(updates) // UPDATES):
        first, *others = updates[number * UPDATES : (number + 1) * UPDATES]
        seconds = sum(update["timing_s/step"] for update in (first, *others))
        more = {"timing_s/step": seconds, "response_length/mean": first["completions/mean_length"]}
        yield {"step": number + 1, "data": first | more}


def _validation(evaluation: dict[str, float]) -> dict[str, float]:
    return {f"val-aux/rlla/{name}/mean@{TEST_ROLLOUTS}": evaluation[f"eval_reward/{name}/mean"] for name in REWARDS}
