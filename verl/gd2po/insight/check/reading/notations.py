"""Scores that are written otherwise than as plain numbers: decimal commas, per cent, fractions, yes and no."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gd2po.insight.check.reading.cells import parse_number
from gd2po.insight.check.reading.names import may_be_reward, plain, sign_of
from gd2po.insight.check.reading.sources import Cells, filled

_DECIMAL_COMMA = re.compile(r"\s*[-+−]?[0-9]*,[0-9]+\s*%?\s*")
_THOUSANDS = re.compile(r"\s*[-+−]?[1-9][0-9]{0,2},[0-9]{3}\s*%?\s*")
_FRACTION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*([0-9]+(?:\.[0-9]+)?)\s*")
_PAIRS: tuple[dict[str, float], ...] = (
    {"yes": 1, "no": 0},
    {"y": 1, "n": 0},
    {"pass": 1, "fail": 0, "passed": 1, "failed": 0},
    {"correct": 1, "incorrect": 0, "wrong": 0},
)
"""Words for 1 and for 0, which are read where all words of a column are of one of these; the first two are shown."""


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
        note: What is read as what, in words.
        number: The number that a text says, or a text that says it plainly; None where a text is not written so.
        scaled: Whether a plain number in the same column would be on another scale.
    """

    note: str
    number: Callable[[str], float | str | None]
    scaled: bool = False

    def read(self, cell: Any) -> Any:
        """A cell of a column in this notation as a number; a plain number on another scale as a text that is none."""
        number = self.number(cell) if isinstance(cell, str) else None
        if number is not None:
            return number
        written_plainly = parse_number(cell) if self.scaled else None
        if written_plainly is not None and not math.isnan(written_plainly):
            return f"{cell}, while in other rows {self.note}"
        return cell


def _with_point(text: str) -> str | None:
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else None


def _share(text: str) -> float | None:
    text = text.strip()
    number = parse_number(text[:-1]) if text.endswith("%") and text != "%" else None
    return None if number is None else number / 100


def _fraction(text: str) -> float | None:
    match = _FRACTION.fullmatch(text)
    part, whole = map(float, match.groups()) if match else (1.0, 0.0)
    return part / whole if part <= whole and whole else None


def _of_words(words: Mapping[str, float]) -> Notation:
    one, zero = list(words)[:2]
    return Notation(f"{one} is read as 1 and {zero} as 0", lambda text: words.get(text.strip().lower()))


DECIMAL_COMMA = Notation("a comma is read as the decimal point", _with_point)
PERCENT = Notation("50% is read as 0.5", _share, scaled=True)
PERCENT_AT_TIMES = Notation(PERCENT.note, _share)
UNIFORM = (PERCENT, Notation("7/10 is read as 0.7", _fraction, scaled=True), *map(_of_words, _PAIRS))


def notations_of(columns: Mapping[str, Cells], named: Sequence[str]) -> dict[str, tuple[Notation, ...]]:
    """Column → the notations of its cells, to be read one after the other; others have no entry.

    A decimal comma is read in every column where all numbers fit and one cannot be a thousand. The other notations are
    read where the user has named the column or its name speaks for a reward, and all its filled cells are written so;
    per cent in a named column wherever it stands.

    Args:
        columns: Column → its cells in a sample of the rows.
        named: The columns that the user calls rewards.
    """
    notations = {name: (*_notations(name, filled(cells), named),) for name, cells in columns.items()}
    return {name: ways for name, ways in notations.items() if ways}


def _notations(name: str, cells: Cells, named: Sequence[str]) -> Iterable[Notation]:
    numbers = [parse_number(cell) for cell in cells]
    texts = [cell for cell, number in zip(cells, numbers, strict=True) if number is None and isinstance(cell, str)]
    if _are_decimal_commas([text for text in texts if "," in text]):
        yield DECIMAL_COMMA
        texts = [DECIMAL_COMMA.read(text) for text in texts]
    is_named = any(plain(name) == plain(known) or name.endswith((f".{known}", f"/{known}")) for known in named)
    if not texts or not (is_named or (may_be_reward(name) and sign_of(name))):
        return
    written = sum(number is None or not math.isnan(number) for number in numbers)
    uniform = [way for way in UNIFORM if all(way.number(text) is not None for text in texts)]
    if uniform and len(texts) == written:
        yield from uniform
    elif is_named and any(_share(text) is not None for text in texts):
        yield PERCENT_AT_TIMES


def read_cell(cell: Any, notations: Iterable[Notation]) -> Any:
    """A cell of a column with these notations."""
    for notation in notations:
        cell = notation.read(cell)
    return cell


def _are_decimal_commas(texts: Sequence[str]) -> bool:
    """Whether these texts, each with a comma, are numbers whose decimal point is a comma.

    ``1,234`` may be a thousand as well; it is a decimal number where another cell of its column surely is one.
    """
    return all(map(_DECIMAL_COMMA.fullmatch, texts)) and not all(map(_THOUSANDS.fullmatch, texts))
