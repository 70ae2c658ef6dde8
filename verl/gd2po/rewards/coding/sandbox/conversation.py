"""The conversation with the runner, which is the first process of a sandbox."""

import marshal
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from gd2po.errors import RewardError
from gd2po.rewards.coding.sandbox import system_calls
from gd2po.rewards.coding.sandbox.bubblewrap import FILTER, MIB
from gd2po.rewards.coding.sandbox.contract import Ending, Job, Limits, ProgramRun, TestRun
from gd2po.rewards.coding.sandbox.sent import bytecode

_ENDINGS: tuple[Ending, ...] = ("done", "compile error", "error", "time-out", "memory", "wrong")
_START_SECONDS, _COMPILE_SECONDS, _END_SECONDS = 60.0, 20.0, 2.0

_START = """import marshal, os, sys
def read(count):
    parts = []
    while count:
        parts.append(os.read(0, min(count, 65536)))
        count -= len(parts[-1]) or count
    return b"".join(parts)
for name, code in marshal.loads(read(int.from_bytes(read(4), "big"))):
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
module.main()
"""


def interpreter() -> list[str]:
    """Python without the packages of the environment; the runner's bytecode comes by the standard input."""
    return [os.path.realpath(sys.executable), "-P", "-s", "-S", "-B", "-c", _START]


def converse(command: Sequence[str], job: Job, tests: Sequence[Any], limits: Limits, *, namespaces: bool) -> ProgramRun:
    """Start the runner, and let it compile the program and run it on the tests.

    Args:
        command: The command of the interpreter that becomes the runner, with or without a sandbox around it.
        job: The program.
        tests: The tests, see :class:`.contract.Backend`.
        limits: What the program may use.
        namespaces: Whether the runner is the first process of a sandbox, where it ends all others after each test.

    Raises:
        RewardError: The runner did not start.
    """
    if len(job.source) > limits.source:
        return ProgramRun(f"the program has {len(job.source)} characters, more than {limits.source}", [])
    with Runner(command) as runner:
        if not runner.starts():
            raise RewardError(f"a sandbox did not start: {runner.complaint()}")
        runner.expect(_COMPILE_SECONDS)
        runner.send(_framed(marshal.dumps(_description(job, limits, namespaces))))
        compiled = runner.reply()
        if compiled is None or compiled.ending != "done":
            return ProgramRun(compiled.message if compiled else "the compiler crashed or did not end", [])
        return ProgramRun(None, list(_run_tests(runner, job, tests, limits)))


def _run_tests(runner: "Runner", job: Job, tests: Sequence[Any], limits: Limits) -> Iterator[TestRun]:
    """The runs of the tests in order, up to the first time-out."""
    started = time.monotonic()
    for test in tests:
        if time.monotonic() - started > limits.program_seconds:
            return
        runner.expect(2 * limits.wall_seconds + 5)
        if job.style == "assert":
            runner.send(_framed(b"") + _framed(test.encode()))
        else:
            runner.send(_framed(test if job.style == "stdin" else marshal.dumps(test)))
        run = runner.reply()
        if run is None:
            run = TestRun("time-out" if runner.is_late else "error", message="the sandbox came to an end")
        yield run
        if run.ending == "time-out" or runner.has_ended:
            return


def _description(job: Job, limits: Limits, namespaces: bool) -> dict[str, Any]:
    sizes = {
        "CPU": (limits.seconds, limits.seconds + 1),
        "AS": (limits.memory * MIB,) * 2,
        "FSIZE": (max(limits.file * MIB, job.output_bytes),) * 2,
        "NOFILE": (64, 64),
        "CORE": (0, 0),
    }
    if namespaces:  # elsewhere it would count the other processes of the user
        sizes["NPROC"] = (limits.processes,) * 2
    return {
        "source": job.source,
        "style": job.style,
        "entry": job.entry,
        "output_bytes": job.output_bytes,
        "wall_seconds": float(limits.wall_seconds),
        "cpu": float(limits.seconds),
        "limits": sizes,
        "namespaces": namespaces,
    }


class Runner:
    """The runner's process, which is killed when it is not done at the time it is expected to be."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors = os.memfd_create("errors")
        filter_file = system_calls.as_file(system_calls.program() or b"")
        try:
            self._process = subprocess.Popen(
                [part.replace(FILTER, str(filter_file)) for part in command],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=(filter_file,),
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
            )
        except OSError as error:
            os.close(self._errors)
            raise RewardError(f"a sandbox did not start: {error}") from error
        finally:
            os.close(filter_file)
        self.is_late = self.has_ended = False
        self._deadline = 0.0

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and with it every process of the sandbox."""
        self._process.stdin.close()  # type: ignore[union-attr]
        if not self.is_late:
            self.expect(_END_SECONDS)
            self._read(1)  # nothing comes but the end
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        os.close(self._errors)

    def starts(self) -> bool:
        """Whether the runner begins to work."""
        self.expect(_START_SECONDS)
        self.send(_framed(bytecode("runner")))
        return self.reply() is not None

    def expect(self, seconds: float) -> None:
        """Kill it if the next reply does not come within this time."""
        self._deadline = time.monotonic() + seconds

    def send(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]  # type: ignore[union-attr]
        except BrokenPipeError:
            self.has_ended = True

    def reply(self) -> TestRun | None:
        """What it answers; None where it has ended."""
        head = self._read(13)
        if len(head) < 13:
            self.has_ended = True
            return None
        sizes = [int.from_bytes(head[start : start + 4], "big") for start in (1, 5, 9)]
        output, errors = self._read(sizes[1]), self._read(sizes[2])
        return TestRun(_ENDINGS[head[0]], output, errors.decode(errors="replace"))

    def complaint(self) -> str:
        """What was written to the standard error, at most 500 bytes of it."""
        self._process.kill()
        code = self._process.wait()
        return os.pread(self._errors, 500, 0).decode(errors="replace").strip() or f"it ended with code {code}"

    def _read(self, count: int) -> bytes:
        file = self._process.stdout.fileno()  # type: ignore[union-attr]
        waiting = select.poll()
        waiting.register(file, select.POLLIN)
        parts = []
        while count:
            if not waiting.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
                self.is_late = True
                self._process.kill()
                break
            if not (part := os.read(file, count)):
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
