"""What a cell holds: its kind, its number, its text."""

import json
import math
from typing import Any

import numpy as np

from gd2po.insight.check.reading.sources import Cells, Kind
from gd2po.insight.check.rollouts import Numbers

_WORDS = {"": math.nan, "null": math.nan, "none": math.nan, "true": 1.0, "false": 0.0}
_KINDS: tuple[tuple[type, Kind], ...] = (
    (type(None), "empty"),
    (bool, "flag"),
    (int, "integer"),
    (float, "real"),
    (str, "text"),
)


def kind_of(cell: Any) -> Kind:
    """The kind of a cell that has a type of its own, as in JSON."""
    return next((kind for types, kind in _KINDS if isinstance(cell, types)), "other")


def kind_of_text(cell: str) -> Kind:
    """The kind of a cell that can only be text, as in CSV, by what is written there."""
    number = parse_number(cell)
    if number is None:
        return "text"
    if math.isnan(number):
        return "empty"
    return "integer" if number.is_integer() else "real"


def parse_number(cell: Any) -> float | None:
    """The number in a cell; NaN for an empty cell, 1 and 0 for true and false, None for what is no number."""
    if cell is None:
        return math.nan
    word = cell.strip().lower() if isinstance(cell, str) else cell
    try:
        return _WORDS[word] if isinstance(word, str) and word in _WORDS else float(word)
    except (ValueError, TypeError, OverflowError):
        return None


def to_numbers(cells: Cells) -> tuple[Numbers, dict[int, str]]:
    """A column as float64 [n], NaN where empty; and the rows that hold something else, with what they hold.

    Numbers in quotes are numbers, true and false are 1 and 0. What is infinite as float32 is none.
    """
    wrong: dict[int, str] = {}
    values = _at_once(cells)
    if values is None:
        numbers = [parse_number(cell) for cell in cells]
        wrong = {row: repr(cells[row]) for row, number in enumerate(numbers) if number is None}
        values = np.array(numbers, dtype=np.float64)  # None becomes NaN
    for infinite in np.flatnonzero(np.abs(values) > np.finfo(np.float32).max).tolist():
        wrong[infinite] = repr(float(values[infinite]))
    return values, wrong


def to_text(cell: Any) -> str | None:
    """A cell as text, lists and objects as JSON; None where it is empty."""
    if cell is None or isinstance(cell, str):
        return cell or None
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        cell = int(cell) if cell.is_integer() else cell
    return json.dumps(cell, default=str)


def to_bytes(text: str) -> bytes:
    """A text in UTF-8, whatever is cut or broken in it."""
    return text.encode("utf-8", "surrogatepass")


def _at_once(cells: Cells) -> Numbers | None:
    """The cells as numbers, None if one of them is no number at first sight."""
    try:
        if isinstance(cells[0], str):  # float() is faster on text than numpy is
            return np.array(list(map(float, cells)))
        values = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return values if values.ndim == 1 else None
