"""What is run in a sandbox, within which limits, and how a test ended."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

from gd2po.errors import SettingsError

Style = Literal["stdin", "call", "assert"]
Ending = Literal["done", "compile error", "error", "time-out", "memory", "wrong"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use. Sizes are in MiB.

    Attributes:
        seconds: The CPU time of one test.
        wall_seconds: The wall-clock time of one test.
        program_seconds: The wall-clock time after which no further test of a program begins.
        memory: The address space of one process.
        processes: The number of processes and threads at one time.
        file: The size of one file, the standard output included.
        tmp: The size of the folder /tmp, which is in memory.
        source: The length of a program in characters; a longer one does not compile.

    Raises:
        SettingsError: A limit that is not a number above 0.
    """

    seconds: int = 4
    wall_seconds: float = 10.0
    program_seconds: float = 30.0
    memory: int = 512
    processes: int = 8
    file: int = 8
    tmp: int = 64
    source: int = 200_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name not in ("wall_seconds", "program_seconds")
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or value <= 0:
                raise SettingsError(f"limits.{field.name} is {value!r}, expected a number above 0")


@dataclass(frozen=True, slots=True)
class Job:
    """A program and how its tests are run.

    Attributes:
        source: The Python source.
        style: How a test is run: with a standard input; by a call; by statements with asserts.
        entry: The name of the function that is called; "" where the style needs none.
        output_bytes: The largest size of a test's output that is read.
    """

    source: str
    style: Style
    entry: str
    output_bytes: int


@dataclass(frozen=True, slots=True)
class TestRun:
    """How one test ended.

    Attributes:
        ending: How it ended; `done` means that the program ended well, and nothing about its output.
        output: The standard output, or the value of the call as JSON; cut at ``output_bytes + 1`` bytes.
        message: The end of what was written to the standard error.
    """

    ending: Ending
    output: bytes = b""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """How a program ran.

    Attributes:
        compile_error: The message of the compiler; None where the program compiled.
        tests: The tests that ran, in order: fewer than were given after a time-out, or where the time was over.
    """

    compile_error: str | None
    tests: list[TestRun]


class Backend(Protocol):
    """Where programs run."""

    def check(self) -> None:
        """Try it.

        Raises:
            SettingsError: Nothing can be run there; with the reason and the remedy.
        """

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """Run a program on its tests up to the first time-out.

        Args:
            job: The program.
            tests: For each test: the standard input as bytes, the list of arguments, or the statements as text.
            limits: What the program may use.

        Raises:
            RewardError: The sandbox itself failed.
            SettingsError: There is no sandbox.
        """
        ...
