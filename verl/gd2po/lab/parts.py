"""Parts of the document and the page, and how figures are written in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gd2po.lab.outcomes import Ends

Tone = Literal["", "good", "bad", "strong-good", "strong-bad"]


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes:
        text: What stands in it.
        tone: How good or bad it is, for its colour.
        hint: What the page tells where a mouse rests on it.
    """

    text: str
    tone: Tone = ""
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        heads: The heads of the columns.
        rows: The rows, the first cell of each being its head.
        only: The only place where it is shown; both if empty.
        wordy: Whether its cells are sentences.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    only: Literal["", "document", "page"] = ""
    wordy: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the document.

    Attributes:
        title: The heading.
        parts: Paragraphs, lists of items, and tables, in their order.
    """

    title: str
    parts: tuple["str | tuple[str, ...] | Table", ...] = field(default_factory=tuple)


def wordy(rows: Iterable[Sequence[str]], heads: Sequence[str]) -> Table:
    """A table of sentences."""
    return Table(tuple(heads), tuple(tuple(map(TableCell, row)) for row in rows), wordy=True)


def signed(value: float, digits: int = 3) -> str:
    """A difference such as ``+.012`` or ``−.103``; ``0`` where it rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return "0"
    return f"{'+' if value > 0 else '−'}{text.removeprefix('0')}"


def plain(value: float, digits: int = 3) -> str:
    """A figure such as ``.512``."""
    text = f"{abs(value):.{digits}f}".removeprefix("0")
    return f"−{text}" if value < 0 and float(text) else text


def with_ends(ends: Ends) -> str:
    """A difference with its interval: ``+.011 (+.003 to +.021)``."""
    return f"{signed(ends[0])} ({signed(ends[1])} to {signed(ends[2])})"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share:.0%}".replace("%", " %")
