"""A small world of programs: tiny problems on standard input, and a policy that solves them in every way.

A comment makes a program right more often and longer: passing tests and length pull apart. Some programs are broken.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from gd2po.data.coding import CodingProblem
from gd2po.data.coding_rows import prepare_problems
from gd2po.quickstart.warm_start import WarmStart
from gd2po.quickstart.worlds.folder import make_world
from gd2po.rewards.coding.prompt import user_message
from gd2po.rewards.coding.tests_of_row import read_tests

TESTS = 4
"""The number of tests of each problem."""

_STARTS = ("Read two", "Take two", "Given are two")
_WHAT = ("whole numbers", "integers", "numbers")
_ASKS = ("Print", "Compute", "Write", "Find")
_OPERATIONS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "their sum": ("a + b", lambda a, b: a + b),
    "their product": ("a * b", lambda a, b: a * b),
    "the first minus the second": ("a - b", lambda a, b: a - b),
    "the larger of them": ("max(a, b)", max),
    "the smaller of them": ("min(a, b)", min),
}
"""By the task in words, the right expression and what it computes."""

_READ = "a, b = map(int, input().split())"

SLIPS = {"comment": 0.1, "none": 0.45}
"""The share of wrong programs with a comment, and without one."""

BROKEN = 0.2
"""The share of programs that end in an error."""

UNFENCED = 0.1
"""The share of programs without a block around them."""


@dataclass(frozen=True, slots=True)
class ToyProgram:
    """A tiny problem.

    Attributes:
        problem: The problem with its tests.
        task: What is to be computed, in words.
        expression: The right expression of a and b.
    """

    problem: CodingProblem
    task: str
    expression: str


@dataclass(frozen=True)
class Sizes:
    """How much data is made.

    Attributes:
        train_problems, test_problems: The numbers of problems of the two splits, which have none in common.
        demonstrations: The number of programs that the policy is warm-started on.
    """

    train_problems: int = 64
    test_problems: int = 16
    demonstrations: int = 1600


def problems(seed: int) -> list[ToyProgram]:
    """All problems of the world in an order that the seed decides."""
    rng = random.Random(seed)
    every = [_problem(*parts, rng) for parts in product(_STARTS, _WHAT, _ASKS, _OPERATIONS)]
    rng.shuffle(every)
    return every


def demonstrations(shown: Sequence[ToyProgram], count: int, seed: int) -> list[dict[str, str]]:
    """``{instruction, input, output}`` records with right, wrong and broken programs, long and short, bare or not."""
    rng = random.Random(seed)
    return [
        {"instruction": "", "input": _message(program.problem), "output": _answer(program, rng)}
        for program in (shown[number % len(shown)] for number in range(count))
    ]


def make_toy_code(
    folder: Path,
    seed: int,
    *,
    sizes: Sizes = Sizes(),
    warm_start: WarmStart = WarmStart(epochs=2),  # noqa: B008  frozen
    on_progress: Callable[[str], None] = lambda what: None,
) -> int:
    """Make ``train.parquet``, ``test.parquet``, ``test.jsonl`` and ``policy``.

    Args:
        folder: The folder to make, whole or not at all.
        seed: The seed of everything.
        sizes: The sizes of the data.
        warm_start: How the policy is trained.
        on_progress: Called with what is being made.

    Returns:
        The number of problems of the world.

    Raises:
        SettingsError: The folder exists, or the world is smaller than the sizes.
    """

    def prepare(some: Sequence[ToyProgram], destination: Path, split: str) -> None:
        rows = [program.problem for program in some]
        prepare_problems(rows, destination, source="toy", split=split, drop_bad=False)

    return make_world(
        folder,
        seed,
        problems(seed),
        sizes=sizes,
        warm_start=warm_start,
        on_progress=on_progress,
        prepare=prepare,
        line=lambda program: {"problem": program.problem.text, "tests": program.problem.tests},
        demonstrations=demonstrations,
    )


def _problem(start: str, what: str, ask: str, task: str, rng: random.Random) -> ToyProgram:
    expression, compute = _OPERATIONS[task]
    pairs = [(rng.randrange(1, 20), rng.randrange(1, 20)) for _ in range(TESTS)]
    tests = {"inputs": [f"{a} {b}\n" for a, b in pairs], "outputs": [f"{compute(a, b)}\n" for a, b in pairs]}
    solution = f"{_READ}\nprint({expression})\n"
    return ToyProgram(CodingProblem(f"{start} {what}. {ask} {task}.", tests, solution), task, expression)


def _message(problem: CodingProblem) -> str:
    return user_message(problem.text, read_tests(problem.tests))


def _answer(program: ToyProgram, rng: random.Random) -> str:
    comment = rng.choice(("", f"# Read the two values, then print {program.task}, as the problem says.\n"))
    expression = program.expression
    if rng.random() < SLIPS["comment" if comment else "none"]:
        expression = rng.choice(("a + b", "a * b", "a - b", "b"))
    if rng.random() < BROKEN:
        expression = rng.choice((f"{expression} + c", f"{expression} / 0", f"({expression}"))
    code = f"{comment}{_READ}\nprint({expression})"
    return code if rng.random() < UNFENCED else f"```python\n{code}\n```"
