"""Problems of mathematics with their reference answers, from the published files of every set."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gd2po.errors import DataError
from gd2po.rewards.math.extraction import last_box


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Attributes:
        text: The problem as it is put to the model.
        answer: The reference answer; "" where the file has none.
        several: Whether the answer is a list of answers, separated by commas, whose order does not count.
        tolerance: The largest difference from a numerical answer that counts as right; None for an exact answer.
        relative: The same as a share of the answer.
        unit: The unit of the answer, which the problem fixes; "" for none.
    """

    text: str
    answer: str
    several: bool = False
    tolerance: float | None = None
    relative: float | None = None
    unit: str = ""


_WHOLE = re.compile(r"(-?\d+)\.0+")

MINERVA_TOLERANCE = 0.01
"""The relative tolerance for numerical answers of Minerva's physical problems, whose references are rounded."""

Fields = Mapping[str, Any]


def _gsm8k(row: Fields) -> Problem:
    return Problem(row["question"], row["answer"].rpartition("####")[2].strip())


def _solved(row: Fields) -> Problem:
    return Problem(row["problem"], last_box(row["solution"]) or "")


def _answered(row: Fields) -> Problem:
    return Problem(row.get("problem") or row["question"], plain_number(row["answer"]))


def _minerva(row: Fields) -> Problem:
    answer = (last_box(row["solution"]) or "").replace("np.", "\\").replace("./", "/")  # np.arcsin(10/13), -1./3
    return Problem(row["problem"], answer, relative=MINERVA_TOLERANCE)


def _olympiad(row: Fields) -> Problem:
    text = "\n\n".join(part.strip() for part in (row["context"], row["question"]) if part)
    (answer,) = row["final_answer"]
    tolerance = float(row["error"]) if row["error"] else None
    return Problem(text, answer.strip(), bool(row["is_multiple_answer"]), tolerance, unit=row["unit"] or "")


def plain_number(answer: Any) -> str:
    """An answer as a text; AMC's 27.0 is 27, and MATH's 52_8 stays the numeral that it is."""
    text = str(answer).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


LAYOUTS: Mapping[str, Callable[[Fields], Problem]] = MappingProxyType({
    "gsm8k": _gsm8k,
    "math": _solved,
    "math500": _answered,
    "aime22_24": _answered,
    "aime24": _answered,
    "aime25": _answered,
    "amc22_23": _answered,
    "amc23": _answered,
    "minerva_math": _minerva,
    "olympiadbench": _olympiad,
    "deepscaler": _answered,
})  # fmt: skip
"""By the name of a set, the function that reads one record of its files."""


def read_problems(name: str, path: Path) -> list[Problem]:
    """The problems of a published file, in its order.

    Args:
        name: The name of the set, a key of :data:`LAYOUTS`.
        path: The file: a JSON list or JSON lines.

    Raises:
        DataError: A record is not of the set's layout.
    """
    problems = []
    for position, record in enumerate(_records(path)):
        try:
            problems.append(LAYOUTS[name](record))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}: row {position} is no problem of {name} ({error!r:.100}); get the published file again with "
                f"`gd2po data get {name}`"
            ) from error
    return problems


def _records(path: Path) -> Iterator[Any]:
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
