"""Programming problems to the parquet rows that verl trains on: a prompt with its tests, checked."""

import json
from collections.abc import Iterable
from pathlib import Path

from gd2po.data.checks import Row, RowProblem
from gd2po.data.coding import CodingProblem, fault_of, read_own
from gd2po.data.math_rows import SCHEMA
from gd2po.data.overlap import HeldOut
from gd2po.data.writing import PrepareReport, write_checked
from gd2po.rewards.coding.prompt import user_message
from gd2po.rewards.coding.tests_of_row import Tests, read_tests

ABILITY = "code"
MOST_TESTS = 20
"""The largest number of tests that a row keeps, spread evenly over all: some problems have hundreds."""
MOST_BYTES = 2**20
"""The largest size of a row's tests."""
NOBODY = HeldOut({})


def prepare_problems(
    problems: Iterable[CodingProblem | str],
    destination: Path,
    *,
    source: str,
    split: str,
    held_out: HeldOut = NOBODY,
    drop_bad: bool = True,
) -> PrepareReport:
    """Write the problems that can be trained on and stand in no benchmark.

    Args:
        problems: The problems in the order of their file; a text says what is wrong with a row.
        destination: The parquet file to write.
        source: The ``data_source`` of every row, by which validation metrics are named.
        split: The name of the split, which goes into ``extra_info`` with the position of the problem.
        held_out: The questions of benchmarks, which are left out.
        drop_bad: Whether bad rows are left out and reported, instead of the whole source refused.

    Raises:
        DataError: Bad rows without ``drop_bad``, or nothing left to write.
    """
    outcomes = [
        RowProblem(position, problem)
        if isinstance(problem, str)
        else _checked(problem, source, split, position, held_out)
        for position, problem in enumerate(problems)
    ]
    notes = list(held_out.notes())
    return write_checked(outcomes, destination, SCHEMA, lambda row: row["data_source"], drop_bad=drop_bad, notes=notes)


def prepare_own(
    file: str | Path, destination: str | Path, *, split: str, held_out: HeldOut, drop_bad: bool
) -> PrepareReport:
    """Convert a user's own file of {problem, tests}, a JSON list or JSON lines.

    Raises:
        DataError: Not JSON, bad rows without ``drop_bad``, or nothing left to write.
    """
    source, problems = Path(file).stem, read_own(file)
    return prepare_problems(
        problems, Path(destination), source=source, split=split, held_out=held_out, drop_bad=drop_bad
    )


def _checked(problem: CodingProblem, source: str, split: str, position: int, held_out: HeldOut) -> Row | RowProblem:
    if reason := fault_of(problem):
        return RowProblem(position, reason)
    if benchmark := held_out.find(problem.text):
        return RowProblem(position, f"its problem is one of {benchmark}, and would leak into training")
    tests = read_tests(problem.tests)
    text = _as_json(problem, tests)
    if len(text) > MOST_BYTES:
        return RowProblem(position, f"its tests have {len(text):,} bytes, more than {MOST_BYTES:,}")
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": user_message(problem.text, tests)}],
        "ability": ABILITY,
        "reward_model": {"ground_truth": text, "style": "rule"},
        "extra_info": {"index": position, "split": split},
    }


def _as_json(problem: CodingProblem, tests: Tests) -> str:
    """The tests as the text of a row: as they are, or a sample of them where there are many."""
    if len(tests.inputs) <= MOST_TESTS or tests.style == "assert":
        return problem.tests if isinstance(problem.tests, str) else json.dumps(problem.tests)
    some = tests.sample(MOST_TESTS)
    inputs = [given.decode("utf-8", "surrogateescape") if isinstance(given, bytes) else given for given in some.inputs]
    row = {"inputs": inputs, "outputs": some.expected}
    return json.dumps(row | ({"fn_name": tests.entry} if tests.style == "call" else {}))
