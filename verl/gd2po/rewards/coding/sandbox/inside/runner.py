"""The program inside the sandbox: it compiles an answer once and forks a process for each test.

It never holds an expected value. Asserts, which do, are read and evaluated by a second process, a *referee*, that asks
the process of the answer for values; that process was forked before the assert was read, and ends with it.
"""

from __future__ import annotations

import marshal
import os
import resource
import select
import signal
import time
from types import CodeType
from typing import Any

from gd2po.rewards.coding.sandbox.inside.frames import read_frame, write
from gd2po.rewards.coding.sandbox.inside.referee import LOST_EXIT, WRONG_EXIT, decide, serve
from gd2po.rewards.coding.sandbox.inside.script import MEMORY_EXIT, compiled_program, leave, run_call, run_script

DONE, COMPILE_ERROR, ERROR, TIMEOUT, MEMORY, WRONG = range(6)
"""The kinds of an ending: the first byte of a reply."""

_LOST = 6
_EXITS_OF_ANSWER = {0: DONE, MEMORY_EXIT: MEMORY}
_EXITS_OF_REFEREE = {**_EXITS_OF_ANSWER, WRONG_EXIT: WRONG, LOST_EXIT: _LOST}
"""What the exit status of a process means; every other status is an error. An answer may exit as it likes."""

_LOOK_SECONDS = 0.5
"""How often a runner looks whether its parent is still there."""


def main() -> None:
    """Serve one answer: read it, compile it, then run a test for each request until the input ends."""
    requests, replies = os.dup(0), os.dup(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _reply(replies, DONE, 0.0, b"", b"")
    job = marshal.loads(read_frame(requests) or b"")
    job["requests"] = requests
    _limit({"AS": job["limits"]["AS"]})
    if job["style"] == "assert":
        import json  # noqa: F401 - once, before the tests are forked
    code = compiled_program(job["source"])
    if isinstance(code, str):
        _reply(replies, COMPILE_ERROR, 0.0, b"", code.encode(errors="replace"))
        return
    _reply(replies, DONE, 0.0, b"", b"")
    while (request := read_frame(requests)) is not None:
        started = time.monotonic()
        if job["style"] == "assert":
            kind, output, errors = _run_assert(job, code, requests)
        else:
            kind, output, errors = _run(job, code, request)
        _clear(job)
        _reply(replies, kind, time.monotonic() - started, output, errors)
    os._exit(0)


def _run(job: dict[str, Any], code: CodeType, request: bytes) -> tuple[int, bytes, bytes]:
    """One test whose result is what the process wrote: its standard output, or the value of a call."""
    files = [os.memfd_create(name) for name in ("in", "out", "err")]
    try:
        if job["style"] == "stdin":
            write(files[0], request)
            os.lseek(files[0], 0, os.SEEK_SET)
        child = os.fork()
        if child == 0:
            _become_answer(job, files)
            if job["style"] == "stdin":
                leave(lambda: run_script(code))
            leave(lambda: run_call(code, job["entry"], marshal.loads(request)))
        kind = _wait(child, job, job["wall_seconds"])
        return kind, _contents(files[1], job["output_bytes"] + 1), _contents(files[2], 2**20)[-300:]
    finally:
        for file in files:
            os.close(file)


def _run_assert(job: dict[str, Any], code: CodeType, requests: int) -> tuple[int, bytes, bytes]:
    """One test that a referee decides by asking the process of the answer for values."""
    files = [os.memfd_create(name) for name in ("in", "out", "err", "referee")]
    pipes = [*os.pipe(), *os.pipe()]
    from_referee, to_answer, from_answer, to_referee = pipes
    try:
        answer = os.fork()
        if answer == 0:
            _become_answer(job, files[:3], keep=(from_referee, to_referee))
            leave(lambda: serve(code, from_referee, to_referee))
        referee = os.fork()
        if referee == 0:
            text = read_frame(requests) or b""
            os.dup2(files[3], 2)
            _limit(job["limits"])
            for number in (from_referee, to_referee):
                os.close(number)
            decide(text.decode(), job["entry"], from_answer, to_answer)
        while pipes:  # so that the end of one process is seen by the other
            os.close(pipes.pop())
        kind = _wait(referee, job, job["wall_seconds"], _EXITS_OF_REFEREE)
        if kind != _LOST:
            return kind, b"", _contents(files[3], 2**20)[-300:]
        kind = _wait(answer, job, 1.0)
        return (ERROR if kind == DONE else kind), b"", _contents(files[2], 2**20)[-300:]
    finally:
        for file in (*files, *pipes):
            os.close(file)


def _become_answer(job: dict[str, Any], files: list[int], keep: tuple[int, ...] = ()) -> None:
    """Make this forked process one that an answer may use as it likes: own input and output, limits, nothing else."""
    for target, file in enumerate(files):
        os.dup2(file, target)
    for number in range(3, 64):
        if number not in keep:
            with suppress(OSError):  # not open
                os.close(number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not job["namespaces"]:
        os.setsid()
    _limit(job["limits"])


def _limit(limits: dict[str, tuple[int, int]]) -> None:
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), value)


class suppress:
    """A block that the given errors end without being raised."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


def _wait(child: int, job: dict[str, Any], seconds: float, exits: dict[int, int] = _EXITS_OF_ANSWER) -> int:
    """How a child ended; afterwards it is gone, and its process group where nothing else ends that."""
    end = time.monotonic() + seconds
    ended, status, used = os.wait4(child, os.WNOHANG)
    while not ended and (left := end - time.monotonic()) > 0:
        signal.sigtimedwait([signal.SIGCHLD], min(left, _LOOK_SECONDS))
        ended, status, used = os.wait4(child, os.WNOHANG)
        if not ended and _is_abandoned(job["requests"]):
            os.kill(child, signal.SIGKILL)
            if not job["namespaces"]:
                _end_group(child)
            os._exit(1)  # in a sandbox it is the first process, and every other one ends with it
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not job["namespaces"]:
        _end_group(child)
    code = os.waitstatus_to_exitcode(status)
    if not ended or code == -signal.SIGXCPU or (code == -signal.SIGKILL and used.ru_utime + used.ru_stime > job["cpu"]):
        return TIMEOUT
    return exits.get(code, ERROR)


def _is_abandoned(requests: int) -> bool:
    """Whether nobody holds the other end of the pipe any more."""
    waiting = select.poll()
    waiting.register(requests, 0)
    return any(event & select.POLLHUP for _, event in waiting.poll(0))


def _end_group(leader: int) -> None:
    with suppress(ProcessLookupError):  # it had no other process
        os.killpg(leader, signal.SIGKILL)


def _clear(job: dict[str, Any]) -> None:
    """End every process of the last test, and remove its files: the next test finds the sandbox as new."""
    if os.getpid() != 1:
        return  # without namespaces, this would end processes of the user
    try:
        while True:
            os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # none is left
    if os.listdir("/tmp"):
        remover = os.fork()
        if remover == 0:
            try:
                _remove("/tmp")
            finally:
                os._exit(0)
        _wait(remover, job, job["wall_seconds"])


def _remove(folder: str) -> None:
    for entry in list(os.scandir(folder)):
        try:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                _remove(entry.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
        except OSError:
            pass  # it stays until the sandbox ends


def _reply(file: int, kind: int, seconds: float, output: bytes, errors: bytes) -> None:
    head = bytes([kind]) + b"".join(
        number.to_bytes(4, "big") for number in (int(seconds * 1000), len(output), len(errors))
    )
    write(file, head + output + errors)


def _contents(file: int, most: int) -> bytes:
    return os.pread(file, min(most, os.fstat(file).st_size), 0)
