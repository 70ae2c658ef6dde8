"""A trainer in a process of its own: started, followed through its metrics, and ended with all that it started."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError

Step = dict[str, Any]
"""One line of verl's file logger: ``step`` and ``data``, its metrics."""

METRICS_VARIABLE = "VERL_FILE_LOGGER_PATH"
"""Environment variable that tells verl's file logger where to write."""

_LAST_LINES = 25
_GRACE_SECONDS = 20
_POLL_SECONDS = 0.5


class TrainingError(GD2POError, RuntimeError):
    """A trainer ended before its last step."""


def run(command: Sequence[str], log: Path, environment: Mapping[str, str], watch: Callable[[], None]) -> int:
    """Run a command to its end and return its exit code.

    Args:
        command: program and arguments.
        log: file for all that it prints.
        environment: variables beside those of this process.
        watch: called twice a second; when it raises, or at an interrupt or SIGTERM, the command is ended.
    """
    with log.open("w") as output, _terminated_as_interrupted():
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment, start_new_session=True
        )
        try:
            while process.poll() is None:
                watch()
                time.sleep(_POLL_SECONDS)
        finally:
            _stop(process)
    return process.returncode


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM raises :class:`KeyboardInterrupt`, as Ctrl-C does; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def read_steps(path: Path) -> Iterator[Step]:
    """The complete lines of a metrics file that may still be written."""
    if path.exists():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def failure(name: str, code: int, log: Path) -> TrainingError:
    """The error for a trainer that ended early, with the end of its log."""
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
    return TrainingError(f"{name} ended with exit code {code}; the end of {log}:\n{tail}")


def _stop(process: "subprocess.Popen[Any]") -> None:
    """End the trainer and all that it started, politely first."""
    for kind in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kind)
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
