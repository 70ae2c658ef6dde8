"""The quickstart's training without validation, in a process of its own."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gd2po.paths import config_dir
from gd2po.quickstart import Plan
from gd2po.quickstart.plan import OF_VERL
from gd2po.runs import process as runs

Steps = list[dict[str, Any]]


def train(
    plan: Plan, method: str, overrides: Sequence[str] = (), watch: Callable[[Path], None] = lambda metrics: None
) -> Steps:
    """Train afresh in the method's folder.

    Args:
        plan: whose task and policy are there.
        method: of the quickstart.
        overrides: in Hydra's grammar.
        watch: called now and then, with the file that gets the metrics.

    Returns:
        `{"step": …, "data": metrics}` of each step.

    Raises:
        SystemExit: the training has failed, with the end of its log.
    """
    folder = plan.run_folder(method)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    metrics, log = folder / "metrics.jsonl", folder / "log.txt"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train", "--config-dir", str(config_dir("tool-calling"))]
    command += ["--config-name", "base", *plan.overrides(method), *OF_VERL]
    command += ["trainer.test_freq=-1", "trainer.val_before_train=false", *overrides]
    environment = {"VERL_PLATFORM": "cpu", runs.METRICS_VARIABLE: str(metrics)}
    code = runs.run(command, log, environment, lambda: watch(metrics))
    steps = list(runs.read_steps(metrics))
    if code != 0 or len(steps) < plan.steps:
        raise SystemExit(str(runs.failure(method, code, log)))
    return steps
