"""What every format offers: a sample of its rows, and all its rows in chunks, of which few are in memory at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, Protocol

from gd2po.insight.check.choice import CheckError

Kind = Literal["integer", "real", "text", "other", "empty"]
"""What a column holds, as far as a sample tells; true and false are whole numbers."""

NUMERIC: tuple[Kind, ...] = ("integer", "real")

NUMBERS_AT_LEAST = 0.9
"""Share of the cells of a column that have to be numbers for it to be a column of numbers with some bad cells."""

NAMED_AT_MOST = 5
"""Number of bad rows that are named with their place and reason."""

LISTED_AT_MOST = 20
"""Number of columns that a sentence names."""

CHUNK_ROWS = 4096

Row = Mapping[str, Any]
Cells = Sequence[Any]


@dataclass
class Faults:
    """Rows that cannot be used.

    Attributes:
        count: The number of bad rows so far.
        examples: The first few bad rows, each with its place and what is wrong with it.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """Count one more bad row; ``place`` is its file and its line or row."""
        self.count += 1
        if len(self.examples) < NAMED_AT_MOST:
            self.examples.append(f"{place}: {reason}")


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        cells: Column → the cells of these rows; a column that the file lacks has no entry.
        numbers: The number of each row in its file, from 1.
    """

    cells: Mapping[str, Cells]
    numbers: Sequence[int]

    def column(self, name: str) -> Cells:
        """The cells of a column; None where a row, or the whole file, has none."""
        return self.cells[name] if name in self.cells else [None] * len(self.numbers)


class Source(Protocol):
    """A file of rollouts.

    Attributes:
        name: The name of the file.
        unit: The word for one of its rows: ``line`` or ``row``.
        sample: Rows from the beginning, the middle and the end.
    """

    name: str
    unit: str
    sample: Sequence[Row]

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        """All rows with these columns; rows that cannot be read are added to the faults."""
        ...


def filled(cells: Cells) -> Cells:
    """The cells that are not empty; most columns of a file with thousands of them have few."""
    return [cell for cell in cells if cell is not None]


def chunks_of(rows: Iterable[tuple[int, Row]], columns: Sequence[str]) -> Iterator[Chunk]:
    """Chunks of these columns from numbered rows."""
    rows = iter(rows)
    while batch := list(islice(rows, CHUNK_ROWS)):
        yield Chunk({name: [row.get(name) for _, row in batch] for name in columns}, [number for number, _ in batch])


def refuse_doubled(file: str, names: Iterable[str], form: str) -> None:
    """Refuse a table in which two columns have one name."""
    doubled = [
        f"{name!r} {'twice' if count == 2 else f'{count} times'}" for name, count in Counter(names).items() if count > 1
    ]
    if doubled:
        raise CheckError(f"{file} is a {form} file with column {', '.join(doubled)}; rename or drop one of them")


def first_of(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    listed = list(names)
    more = len(listed) - LISTED_AT_MOST
    return ", ".join(listed[:LISTED_AT_MOST]) + (f" and {more:,} more" if more > 0 else "")


def overall(kinds: Iterable[Kind]) -> Kind:
    """The kind of a column with cells of these kinds."""
    cells = Counter(kinds)
    del cells["empty"]
    if len(cells) <= 1:
        return next(iter(cells), "empty")
    if sum(cells[kind] for kind in NUMERIC) >= NUMBERS_AT_LEAST * cells.total():
        return "real"
    return "other" if "other" in cells else "text"
