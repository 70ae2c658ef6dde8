"""Processes that compare two answers with math-verify: each can be killed, so a comparison has a wall-clock limit.

math-verify limits its own time by signals, which threads cannot receive; and verl calls reward functions in threads. So
each judge is a process that reads pairs from its input and writes verdicts, with limits on memory and time of its own.
A judge that does not answer in time is killed, and its answer counts as wrong.
"""

import atexit
import importlib.util
import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading

from gd2po.errors import SettingsError

logger = logging.getLogger(__name__)

SECONDS = 3.0
"""The wall-clock limit of one comparison."""

JUDGES = 2
"""The largest number of judges of one process; verl has several reward workers, each with its own."""

_START_SECONDS = 60.0


def judge(answer: str, reference: str) -> bool:
    """Whether math-verify finds two answers in normal form equal; False where it finds nothing within the time limit.

    Raises:
        SettingsError: math-verify is not installed, or a judge cannot be started.
    """
    return _POOL.ask(answer, reference)


class _Judge:
    """One process, and its conversation: one line of JSON each way."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "gd2po.rewards.math.judging"]
        self.process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if self._line(_START_SECONDS) != b"ready\n":
            self.end()
            raise SettingsError(
                f"the process that compares answers ended with code {self.process.returncode} before it was ready; run "
                f"`{' '.join(command)}` to see why"
            )

    def ask(self, answer: str, reference: str) -> bool | None:
        """The verdict; None where there is none in time, after which the process is gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps([answer, reference]).encode() + b"\n")
        except BrokenPipeError:
            self.end()
            return None
        line = self._line(SECONDS)
        if line not in (b"true\n", b"false\n"):
            self.end()
            return None
        return line == b"true\n"

    def _line(self, seconds: float) -> bytes:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else b""

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class _Pool:
    """Judges that wait for a question; they are started when they are needed, and again after they were killed."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(JUDGES)
        self._idle: queue.SimpleQueue[_Judge] = queue.SimpleQueue()

    def ask(self, answer: str, reference: str) -> bool:
        with self._places:
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                process = _started()
            verdict = process.ask(answer, reference)
            if verdict is None:
                logger.info("no verdict on %r against %r within %s s: counted as wrong", answer, reference, SECONDS)
                return False
            self._idle.put(process)
            return verdict

    def end(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().end()


def check_installed() -> None:
    """Refuse a machine without math-verify.

    Raises:
        SettingsError: It is not installed.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise SettingsError(
            "the mathematics rewards compare answers with math-verify, which is not installed: run "
            "pip install 'gd2po[math]'"
        )


def _started() -> _Judge:
    check_installed()
    return _Judge()


_POOL = _Pool()
atexit.register(_POOL.end)


def _after_fork() -> None:
    """A forked process must not talk to the judges of its parent."""
    global _POOL
    _POOL = _Pool()


os.register_at_fork(after_in_child=_after_fork)
