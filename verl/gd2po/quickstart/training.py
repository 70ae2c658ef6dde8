"""Run verl on one method in a process of its own, and follow its metrics while it trains."""

import shutil
import sys
from collections.abc import Callable

from gd2po.paths import config_dir
from gd2po.quickstart.plan import Plan
from gd2po.runs import process as runs
from gd2po.runs.process import Step, read_steps


def train(plan: Plan, method: str, on_step: Callable[[int], None]) -> list[Step]:
    """Train one method.

    Args:
        plan: sizes and folders.
        method: config name.
        on_step: called with the number of finished steps, also with 0 while verl starts.

    Returns:
        One entry per logged step; step 0 is the validation before training.

    Raises:
        TrainingError: with the end of the log.
    """
    folder = plan.run_folder(method)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    metrics, log = folder / "metrics.jsonl", folder / "log.txt"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "train"]
    command += ["--config-dir", str(config_dir("tool-calling")), "--config-name", "base", *plan.overrides(method)]
    environment = {"VERL_PLATFORM": "cpu", runs.METRICS_VARIABLE: str(metrics), "HYDRA_FULL_ERROR": "1"}
    code = runs.run(
        command, log, environment, lambda: on_step(max((step["step"] for step in read_steps(metrics)), default=0))
    )
    steps = list(read_steps(metrics))
    if code != 0 or not steps or steps[-1]["step"] < plan.steps:
        raise runs.failure(method, code, log)
    on_step(plan.steps)
    return steps
