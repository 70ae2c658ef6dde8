"""What a cell holds: its kind, its number, its text."""

import json
import math
import re
from typing import Any

import numpy as np

from gd2po.insight.check.reading.sources import Cells, Kind
from gd2po.insight.check.rollouts import Numbers

_WHOLE = re.compile(r"^(-?(?:0|[1-9][0-9]*))\.0+$")
_WORDS = {"": math.nan, "null": math.nan, "none": math.nan, "true": 1.0, "false": 0.0}
_PRINTED = re.compile(
    r"(?:np\.|numpy\.)?(?:float|int|uint|bool)_?(?:8|16|32|64)?\(([^()]*)\)"
    r"|(?:decimal\.)?decimal\('([^()']*)'\)|(?:np\.|numpy\.)(true|false)_?"
    r"|(?:torch\.)?(?:tensor|array)\(\[?([^()\[\],]*)\]?(?:, *[a-z_]+=[^()]*)*\)"
    r"|\[([^()\[\],]*)\]"
)
"""How Python, NumPy and PyTorch print one number, and a list of one."""


def kind_of(cell: Any) -> Kind:
    """The kind of a cell; that of text by what is written there, that of a list of one by what is in it."""
    number = parse_number(cell)
    if number is None:
        return "text" if isinstance(cell, str) else "other"
    if math.isnan(number):
        return "empty"
    return "integer" if number.is_integer() and not isinstance(cell, float) else "real"


def parse_number(cell: Any) -> float | None:
    """The number in a cell; NaN for an empty cell, 1 and 0 for true and false, None for what is no number.

    Text may be written as Python, NumPy and PyTorch print a number. A list of one cell is read as this cell.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, list):
        return parse_number(cell[0]) if len(cell) == 1 and not isinstance(cell[0], list) else None
    if not isinstance(cell, str):
        return _float(cell)
    word = cell.strip().lower().replace("−", "-")
    if printed := _PRINTED.fullmatch(word):
        word = next(filter(None, printed.groups()), "")
    if word in _WORDS:
        return _WORDS[word]
    return None if "_" in word else _float(word)


def _float(value: Any) -> float | None:
    try:
        return float(value)
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


def _at_once(cells: Cells) -> Numbers | None:
    """The cells as numbers, None if one of them is no number at first sight."""
    try:
        if len(cells) and isinstance(cells[0], str):  # float() is faster on text than numpy is
            return np.array(list(map(float, cells))) if not any("_" in cell for cell in cells) else None
        values = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return values if values.ndim == 1 else None


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
    try:
        return json.dumps(cell, default=str)
    except (TypeError, ValueError, RecursionError):
        return repr(cell)


def to_id(cell: Any) -> str | None:
    """A cell as an id: as text, and numbers by their value, so that ``0``, ``0.0`` and 0 in quotes are one id."""
    text = to_text(cell)
    return text and _WHOLE.sub(r"\1", text.strip())


def to_bytes(text: str) -> bytes:
    """A text in UTF-8, whatever is cut or broken in it."""
    return text.encode("utf-8", "surrogatepass")
