"""Run verl on one method in a process of its own, and follow its metrics while it trains."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError
from gd2po.paths import config_dir
from gd2po.quickstart.plan import Plan

Step = dict[str, Any]
"""One line of verl's file logger: ``step`` and ``data``, its metrics."""

_LAST_LINES = 25
_GRACE_SECONDS = 20


class TrainingError(GD2POError, RuntimeError):
    """verl's trainer ended before its last step."""


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
    environment = os.environ | {"VERL_PLATFORM": "cpu", "VERL_FILE_LOGGER_PATH": str(metrics), "HYDRA_FULL_ERROR": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            while process.poll() is None:
                on_step(max((step["step"] for step in read_steps(metrics)), default=0))
                time.sleep(0.5)
        finally:
            _stop(process)
    steps = list(read_steps(metrics))
    if process.returncode != 0 or not steps or steps[-1]["step"] < plan.steps:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise TrainingError(f"{method} ended with exit code {process.returncode}; the end of {log}:\n{tail}")
    on_step(plan.steps)
    return steps


def read_steps(path: Path) -> Iterator[Step]:
    """The complete lines of a metrics file that may still be written."""
    if path.exists():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def _stop(process: "subprocess.Popen[Any]") -> None:
    """End the trainer and all that it started, politely first."""
    for kind in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kind)
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
