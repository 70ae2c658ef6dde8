"""Problems of mathematics to the parquet rows that verl trains on: a prompt with a reference answer, checked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from gd2po.data.checks import Row, RowProblem
from gd2po.data.layouts import read_dialogues
from gd2po.data.mathematics import Problem, plain_number
from gd2po.data.overlap import HeldOut
from gd2po.data.records import StrictRecord, explain
from gd2po.data.writing import PrepareReport, write_checked
from gd2po.errors import DataError
from gd2po.rewards.math import score
from gd2po.rewards.math.extraction import final_answer
from gd2po.rewards.math.prompt import user_message

SCHEMA = pa.schema([
    ("data_source", pa.string()),
    ("prompt", pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))),
    ("ability", pa.string()),
    ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
    ("extra_info", pa.struct([("index", pa.int64()), ("split", pa.string())])),
])  # fmt: skip

ABILITY = "math"
NOBODY = HeldOut({})


class OwnProblem(StrictRecord):
    """A problem as a user writes it.

    Attributes:
        problem: The problem.
        answer: The reference answer: a text, in LaTeX or not, or a number.
        solution: The way to the answer; it is not used.
    """

    problem: str
    answer: str | int | float
    solution: str | None = None


def prepare_problems(
    problems: Sequence[Problem],
    destination: Path,
    *,
    source: str,
    split: str,
    wording: str = "box",
    held_out: HeldOut = NOBODY,
    drop_bad: bool = True,
) -> PrepareReport:
    """Write the problems that can be trained on and stand in no benchmark.

    Args:
        problems: The problems of a published file, in its order.
        destination: The parquet file to write.
        source: The ``data_source`` of every row, by which validation metrics are named.
        split: The name of the split, which goes into ``extra_info`` with the position of the problem.
        wording: How the prompt asks for the answer.
        held_out: The questions of benchmarks, which are left out.
        drop_bad: Whether bad rows are left out and reported, instead of the whole source refused.

    Raises:
        DataError: Bad rows without ``drop_bad``, or nothing left to write.
    """
    outcomes = [
        _checked(problem, source, split, position, wording, held_out) for position, problem in enumerate(problems)
    ]
    return _write(outcomes, destination, drop_bad, held_out.notes())


def prepare_own(
    file: str | Path, destination: str | Path, *, split: str, wording: str, held_out: HeldOut, drop_bad: bool
) -> PrepareReport:
    """Convert a user's own file of :class:`OwnProblem`, a JSON list or JSON lines.

    Args:
        file: The file.
        destination: The parquet file to write.
        split: The name of the split.
        wording: How the prompt asks for the answer.
        held_out: The questions of benchmarks.
        drop_bad: Whether bad rows are left out and reported, instead of the whole file refused.

    Raises:
        DataError: Not JSON, bad rows without ``drop_bad``, or nothing left to write.
    """
    outcomes: list[Row | RowProblem] = []
    for position, record in enumerate(read_dialogues(file)):
        try:
            own = OwnProblem.model_validate(record)
        except ValidationError as error:
            outcomes.append(RowProblem(position, explain(error, OwnProblem)))
            continue
        problem = Problem(own.problem, plain_number(own.answer))
        outcomes.append(_checked(problem, Path(file).stem, split, position, wording, held_out))
    return _write(outcomes, Path(destination), drop_bad, held_out.notes())


def read_own(file: str | Path) -> list[Problem]:
    """The problems of a user's own file, to evaluate on.

    Args:
        file: A JSON list or JSON lines of :class:`OwnProblem`.

    Raises:
        DataError: Not JSON, or a row that is no problem or whose reference cannot be parsed; the message names it.
    """
    problems = []
    for position, record in enumerate(read_dialogues(file)):
        try:
            own = OwnProblem.model_validate(record)
        except ValidationError as error:
            raise DataError(f"{file}: row {position}: {explain(error, OwnProblem)}") from error
        problem = Problem(own.problem, plain_number(own.answer))
        if reason := _reference_fault(problem.answer):
            raise DataError(f"{file}: row {position}: {reason}")
        problems.append(problem)
    return problems


def is_own_problem(record: Any) -> bool:
    """Whether a record is meant as :class:`OwnProblem`."""
    return isinstance(record, Mapping) and "problem" in record


def _write(
    outcomes: Sequence[Row | RowProblem], destination: Path, drop_bad: bool, notes: Iterable[str]
) -> PrepareReport:
    kind: Callable[[Row], str] = lambda row: row["data_source"]  # noqa: E731
    return write_checked(outcomes, destination, SCHEMA, kind, drop_bad=drop_bad, notes=tuple(notes))


def _checked(
    problem: Problem, source: str, split: str, position: int, wording: str, held_out: HeldOut
) -> Row | RowProblem:
    if not problem.text.strip():
        return RowProblem(position, "the problem is empty")
    if reason := _reference_fault(problem.answer):
        return RowProblem(position, reason)
    if benchmark := held_out.find(problem.text):
        return RowProblem(position, f"its problem is one of {benchmark}, and would leak into training")
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": user_message(problem.text, wording)}],
        "ability": ABILITY,
        "reward_model": {"ground_truth": problem.answer, "style": "rule"},
        "extra_info": {"index": position, "split": split},
    }


def _reference_fault(answer: str) -> str | None:
    """Why no response could be compared with a reference; None where a response that gives it is right."""
    response = f"\\boxed{{{answer}}}"
    try:
        right = score(response, answer)["correctness"] == 1
    except DataError as error:
        return str(error)
    if not right or final_answer(response) != answer.strip() or not any(map(str.isalnum, answer)):
        return (
            f"the reference answer {answer[:80]!r} cannot be parsed: a response that gives it is not right. Expected "
            "an answer with balanced braces, in text or LaTeX"
        )
    return None
