"""Programming problems with their tests, from the published files and from a user's own."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq
from pydantic import ValidationError

from gd2po.data.layouts import read_dialogues
from gd2po.data.records import StrictRecord, explain
from gd2po.errors import DataError
from gd2po.rewards.coding.tests_of_row import read_tests

MBPP_PARTS: Mapping[str, range] = MappingProxyType({
    "prompt": range(1, 11), "test": range(11, 511), "validation": range(511, 601), "train": range(601, 975),
})  # fmt: skip
"""The parts of MBPP by their numbers, as its authors divide it (arXiv 2108.07732, section 2.1)."""


@dataclass(frozen=True, slots=True)
class CodingProblem:
    """One problem.

    Attributes:
        text: The problem as it is put to the model.
        tests: Its tests, as :func:`gd2po.rewards.coding.tests_of_row.read_tests` takes them.
        solution: A right program; "" where none is known.
    """

    text: str
    tests: Mapping[str, Any] | str
    solution: str = ""


class OwnCodingProblem(StrictRecord):
    """A problem as a user writes it.

    Attributes:
        problem: The problem.
        tests: The tests, in one of the forms of docs/coding.md.
        solution: A right program; it is not used.
    """

    problem: str
    tests: dict[str, Any]
    solution: str | None = None


def read_mbpp(path: Path, part: str) -> list[CodingProblem]:
    """The problems of a part of MBPP.

    Args:
        path: The published file.
        part: A key of :data:`MBPP_PARTS`.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        CodingProblem(
            row["text"], {name: row[name] for name in ("test_list", "test_setup_code")}, row["code"].replace("\r", "")
        )
        for row in rows
        if row["task_id"] in MBPP_PARTS[part]
    ]


def read_humaneval(path: Path) -> list[CodingProblem]:
    """The problems of HumanEval; the problem is the beginning of the function."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines() if line.strip()]
    return [
        CodingProblem(
            row["prompt"],
            {name: row[name] for name in ("test", "entry_point", "prompt")},
            row["prompt"] + row["canonical_solution"],
        )
        for row in rows
    ]


def read_eurus(path: Path) -> Iterator[CodingProblem]:
    """The programming problems of Eurus-2-RL, read row group by row group, since its file is larger than most memories.

    The system message of the data set, which names actions of its own, is left out.

    Args:
        path: The parquet file with the columns ``ability``, ``prompt`` and ``reward_model``.

    Raises:
        DataError: A column is missing, or a row has another layout.
    """
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            abilities = file.read_row_group(group, columns=["ability"]).column("ability").to_pylist()
            chosen = [row for row, ability in enumerate(abilities) if ability == "code"]
            if not chosen:
                continue
            rows = file.read_row_group(group, columns=["prompt", "reward_model"]).take(chosen).to_pylist()
            for position, row in zip(chosen, rows, strict=True):
                try:
                    (text,) = [message["content"] for message in row["prompt"] if message["role"] == "user"]
                    yield CodingProblem(text, row["reward_model"]["ground_truth"])
                except (KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"{path}: row {position} of row group {group} is no problem of Eurus-2-RL ({error!r:.100})"
                    ) from error


def read_own(file: str | Path) -> list[CodingProblem | str]:
    """The problems of a user's own file, a JSON list or JSON lines of :class:`OwnCodingProblem`.

    Returns:
        For each row the problem, or what is wrong with it.

    Raises:
        DataError: The file is not JSON.
    """
    problems: list[CodingProblem | str] = []
    for record in read_dialogues(file):
        try:
            own = OwnCodingProblem.model_validate(record)
            problems.append(CodingProblem(own.problem, own.tests, own.solution or ""))
        except ValidationError as error:
            problems.append(explain(error, OwnCodingProblem))
    return problems


def is_own_problem(record: Any) -> bool:
    """Whether a record is meant as :class:`OwnCodingProblem`."""
    return isinstance(record, Mapping) and "problem" in record and "tests" in record


def fault_of(problem: CodingProblem) -> str | None:
    """Why a problem cannot be used; None where it can."""
    if not problem.text.strip():
        return "the problem is empty"
    try:
        read_tests(problem.tests)
    except DataError as error:
        return str(error)
    return None
