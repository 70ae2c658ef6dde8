"""The verdict on each test of a response's program."""

import functools
from dataclasses import dataclass
from typing import Literal

from gd2po.rewards.coding.blocks import program_of
from gd2po.rewards.coding.comparison import same_output, same_value
from gd2po.rewards.coding.options import CodingOptions
from gd2po.rewards.coding.sandbox.contract import Backend, Job, TestRun
from gd2po.rewards.coding.sandbox.fusion import SandboxFusion
from gd2po.rewards.coding.sandbox.processes import Bubblewrap, Unprotected
from gd2po.rewards.coding.tests_of_row import Tests

Verdict = Literal["passed", "wrong", "error", "time-out", "memory", "not run"]
ProgramState = Literal["ran", "compile error", "missing block"]

_OUTPUT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the tests say of a program.

    Attributes:
        program: Whether the program ran at all, or why it did not.
        verdicts: The verdict on each test, in order.
        messages: For each test, what the program or the test wrote to the standard error at the end, or "".
    """

    program: ProgramState
    verdicts: tuple[Verdict, ...]
    messages: tuple[str, ...] = ()

    @property
    def pass_rate(self) -> float:
        """The number of passed tests divided by the number of all tests."""
        return self.verdicts.count("passed") / len(self.verdicts)

    def is_bug_free(self, *, timeout_is_bug: bool = False, memory_is_bug: bool = True) -> bool:
        """Whether the program compiled, and no test that ran ended in an error."""
        bugs: set[Verdict] = {"error"}
        bugs |= {"time-out"} if timeout_is_bug else set()
        bugs |= {"memory"} if memory_is_bug else set()
        return self.program == "ran" and not bugs & set(self.verdicts)


def judge(response: str, tests: Tests, options: CodingOptions) -> Judgement:
    """Run the program of a response on tests.

    Args:
        response: The response.
        tests: The tests.
        options: Where the program runs, and within which limits.

    Raises:
        RewardError: The sandbox itself failed.
        SettingsError: There is no sandbox.
    """
    none_ran = tuple[Verdict, ...](["not run"] * len(tests.inputs))
    program = program_of(response)
    if program is None:
        return Judgement("missing block", none_ran)
    program = f"{tests.preamble}\n{program}" if tests.preamble else program
    longest = max((len(text) for text in tests.expected), default=0) if tests.style == "stdin" else 0
    job = Job(program, tests.style, tests.entry, _OUTPUT_BYTES + 2 * longest)
    run = backend(options.sandbox_url, options.unsafe, options.packages).run(job, tests.inputs, options.limits)
    if run.compile_error is not None:
        return Judgement("compile error", none_ran, (run.compile_error,))
    verdicts = [_verdict(ended, tests, number, job.output_bytes) for number, ended in enumerate(run.tests)]
    return Judgement("ran", (*verdicts, *none_ran[len(verdicts) :]), tuple(ended.message for ended in run.tests))


@functools.cache
def backend(sandbox_url: str | None, unsafe: bool, packages: tuple[str, ...]) -> Backend:
    """Where programs run."""
    if sandbox_url:
        return SandboxFusion(sandbox_url)
    return Unprotected() if unsafe else Bubblewrap(packages)


def _verdict(run: TestRun, tests: Tests, number: int, output_bytes: int) -> Verdict:
    if run.ending == "compile error":
        return "error"
    if run.ending != "done":
        return run.ending
    if tests.style == "assert":
        return "passed"
    if len(run.output) > output_bytes:
        return "wrong"
    same = same_output if tests.style == "stdin" else same_value
    return "passed" if same(run.output, tests.expected[number]) else "wrong"
