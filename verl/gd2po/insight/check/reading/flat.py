"""Rows with nested objects and lists as a table: objects become columns ``a.b``, lists of a prompt become rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gd2po.insight.check.reading.cells import kind_of
from gd2po.insight.check.reading.names import GROUPS, may_be_reward, names_summary, plain
from gd2po.insight.check.reading.nested import object_in
from gd2po.insight.check.reading.notations import notations_of, read_cell
from gd2po.insight.check.reading.sources import (
    NUMBERS_AT_LEAST,
    NUMERIC,
    Cells,
    Chunk,
    Faults,
    Kind,
    Source,
    filled,
    overall,
)

SUMMARIES_AT_MOST = 10
"""Rows at the end of a file that may sum up the others, each with a name such as ``Total``."""

DEEPEST, COLUMNS_AT_MOST, PATHS_AT_MOST = 5, 10_000, 2000
"""Keys in a path; columns of a file; and, of these, paths into objects."""


class FlatSource:
    """A file of rollouts, one row each.

    Attributes:
        name: The name of the file.
        unit: The word for one of its rows as they stand in the file.
        sample: Rollouts from the beginning, the middle and the end, with all columns.
        kinds: Column → kind, by the sample.
        lists: The columns with a list per row, of which each row of the file has as many as it has rollouts.
        notations: Column → the notations of its numbers; columns of plain numbers have no entry.
        summaries: Column → the names in it of rows that sum up the others; such rows are left out.
        left_out: The number of rows that were left out so far, since they sum up the others.
        beyond: The names that are not among the columns, since there are too many.
        doubled: The names that two columns have, one of them inside of an object or with spaces around its name.
    """

    def __init__(self, source: Source, named: Sequence[str]) -> None:
        """
        Args:
            source: The file as it is read.
            named: The columns that the user calls rewards.
        """
        self.name, self.unit, self._source, self._named = source.name, source.unit, source, named
        self._paths: dict[str, tuple[str, ...]] = {}
        self.beyond: dict[str, None] = {}
        self.doubled: dict[str, None] = {}
        self.left_out = self._inner_paths = 0
        columns: dict[str, Cells] = {}
        self._flatten((), source.sample, columns)
        self.lists = _lists(columns, named)
        rollouts = self._spread(Chunk(columns, range(len(source.sample))), Faults())
        self.summaries = _summaries(rollouts.cells)
        rollouts = self._without_summaries(rollouts)
        self.notations = notations_of(rollouts.cells, named)
        self.sample = self._with_plain_numbers(rollouts)
        self.kinds: Mapping[str, Kind] = {
            name: overall(map(kind_of, filled(cells))) for name, cells in self.sample.cells.items()
        }

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        """All rollouts with these columns; rows that cannot be read are added to the faults."""
        paths = {name: self._paths[name] for name in (*columns, *self.summaries) if name in self._paths}
        for chunk in self._source.chunks(list(dict.fromkeys(path[0] for path in paths.values())), faults):
            flat = Chunk({name: _at_path(chunk, path) for name, path in paths.items()}, chunk.numbers)
            rollouts = self._spread(flat, faults)
            kept = self._without_summaries(rollouts)
            self.left_out += len(rollouts.numbers) - len(kept.numbers)
            yield self._with_plain_numbers(kept)

    def scale(self, name: str) -> str:
        """What is read on which scale in a column, in words; empty for plain numbers."""
        return next((notation.note for notation in self.notations.get(name, ()) if notation.scaled), "")

    def _flatten(self, above: tuple[str, ...], objects: Sequence[Mapping[str, Any]], columns: dict[str, Cells]) -> None:
        """Add the columns inside of the objects at this path, one object for each row, and those inside of these."""
        paths = {key: (*above, key) for key in dict.fromkeys(key for item in objects for key in item)}
        inner = {key: [None] * len(objects) for key, path in paths.items() if self._takes(_name_of(path), path)}
        for position, item in enumerate(objects):
            for key in item.keys() & inner.keys():
                inner[key][position] = item[key]
        for key, cells in inner.items():
            path, name = paths[key], _name_of(paths[key])
            columns[name] = cells
            if len(path) < DEEPEST and any(object_in(cell, name) for cell in filled(cells)):
                self._flatten(path, [object_in(cell, name) or {} for cell in cells], columns)

    def _takes(self, name: str, path: tuple[str, ...]) -> bool:
        """Whether the cells at this path are the column of this name."""
        if name in self._paths:
            self.doubled[name] = None
            return False
        limit, count = (PATHS_AT_MOST, self._inner_paths) if len(path) > 1 else (COLUMNS_AT_MOST, len(self._paths))
        if count >= limit and name not in self._named:
            self.beyond[name] = None
            return False
        self._paths[name] = path
        self._inner_paths += len(path) > 1
        return True

    def _spread(self, chunk: Chunk, faults: Faults) -> Chunk:
        """The rollouts in these rows, whose lists hold one cell for each; for an empty cell each has an empty one."""
        if not self.lists:
            return chunk
        cells: dict[str, list[Any]] = {name: [] for name in chunk.cells}
        numbers: list[int] = []
        lists = {name: column for name, column in chunk.cells.items() if name in self.lists}
        for position, number in enumerate(chunk.numbers):
            row = {name: column[position] for name, column in lists.items() if column[position] is not None}
            lengths = {name: len(cell) if isinstance(cell, list) else None for name, cell in row.items()}
            length, *others = {*lengths.values()} or {None}
            if length is None or others:
                counts = {name: lengths.get(name) for name in lists}
                own = (f"{name} has {'none' if count is None else count}" for name, count in counts.items())
                faults.add(f"{self.name}, {self.unit} {number}", f"lists that are not equally long: {', '.join(own)}")
                continue
            numbers += [number] * length
            for name, column in chunk.cells.items():
                cells[name] += row[name] if name in row else [column[position]] * length
        return Chunk(cells, numbers)

    def _without_summaries(self, chunk: Chunk) -> Chunk:
        sums = {
            position
            for name, labels in self.summaries.items()
            for position, cell in enumerate(chunk.column(name))
            if isinstance(cell, str) and cell in labels
        }
        if not sums:
            return chunk
        kept = [position for position in range(len(chunk.numbers)) if position not in sums]
        cells = {name: [column[position] for position in kept] for name, column in chunk.cells.items()}
        return Chunk(cells, [chunk.numbers[position] for position in kept])

    def _with_plain_numbers(self, chunk: Chunk) -> Chunk:
        written = {name: ways for name, ways in self.notations.items() if name in chunk.cells}
        plainly = {name: [read_cell(cell, ways) for cell in chunk.cells[name]] for name, ways in written.items()}
        return Chunk({**chunk.cells, **plainly}, chunk.numbers)


def _name_of(path: tuple[str, ...]) -> str:
    return ".".join(map(str, path)).strip()


def _at_path(chunk: Chunk, path: tuple[str, ...]) -> Cells:
    cells = chunk.column(path[0])
    for depth, key in enumerate(path[1:], 1):
        name = _name_of(path[:depth])
        cells = [(object_in(cell, name) or {}).get(key) for cell in cells]
    return cells


def _summaries(columns: Mapping[str, Cells]) -> dict[str, set[str]]:
    """Names of rows that sum up the others: at the end of a file, once each, in its first column or beside prompts."""
    summaries: dict[str, set[str]] = {}
    for name in [name for place, name in enumerate(columns) if place == 0 or plain(name) in GROUPS]:
        names = [cell for cell in columns[name] if isinstance(cell, str) and names_summary(cell)]
        last = [cell for cell in columns[name][-SUMMARIES_AT_MOST:] if isinstance(cell, str)]
        if once := {text for text in names if text in last and names.count(text) == 1}:
            summaries[name] = once
    return summaries


def _lists(columns: Mapping[str, Cells], named: Sequence[str]) -> frozenset[str]:
    """The columns to be spread over rollouts; none where the rewards are one number per row."""
    counts = {name: Counter(map(_shape, filled(cells))) for name, cells in columns.items()}
    shapes = {name: counter.most_common(1)[0][0] for name, counter in counts.items() if counter}
    rewards = [name for name in named if name in shapes] or list(filter(may_be_reward, shapes))
    numbers = [name for name in rewards if shapes[name] == "numbers"]
    if len(numbers) < 2 or sum(shapes[name] == "number" for name in rewards) >= 2:
        return frozenset()
    rows = zip(*(columns[name] for name in numbers), strict=True)
    lengths = [Counter(len(cell) for cell in row if isinstance(cell, list)).most_common(1) for row in rows]
    usual = [common[0][0] if common else None for common in lengths]
    fitting = {name for name in shapes if shapes[name] in ("numbers", "list") and _fits(columns[name], usual)}
    return frozenset(fitting) if sum(name in fitting for name in numbers) >= 2 else frozenset()


def _fits(cells: Cells, lengths: Sequence[int | None]) -> bool:
    pairs = [(len(cell), length) for cell, length in zip(cells, lengths, strict=True) if isinstance(cell, list)]
    return sum(own == length for own, length in pairs) >= NUMBERS_AT_LEAST * len(pairs)


def _shape(cell: Any) -> str:
    if not isinstance(cell, list):
        return "number" if kind_of(cell) in NUMERIC else "other"
    if cell and isinstance(cell[0], dict) and "role" in cell[0]:
        return "other"
    kinds = {kind_of(item) for item in cell}
    return "numbers" if kinds & {*NUMERIC} and kinds <= {*NUMERIC, "empty"} else "list"
