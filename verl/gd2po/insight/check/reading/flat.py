"""Rows with nested objects and lists as a table: objects become columns ``a.b``, lists of a prompt become rows."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gd2po.insight.check.reading.cells import kind_of
from gd2po.insight.check.reading.names import GROUPS, may_be_reward, names_summary, plain
from gd2po.insight.check.reading.nested import inner_of, object_in
from gd2po.insight.check.reading.notations import notations_of, read_cell
from gd2po.insight.check.reading.sources import (
    NUMBERS_AT_LEAST,
    NUMERIC,
    Cells,
    Chunk,
    Faults,
    Kind,
    Row,
    Source,
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
        rows: A sample of rollouts from the beginning, the middle and the end.
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
        self.name, self.unit, self._source = source.name, source.unit, source
        self._paths: dict[str, tuple[str, ...]] = {}
        self._named, self._inner_paths = named, 0
        self.beyond: dict[str, None] = {}
        self.doubled: dict[str, None] = {}
        flat: list[Row] = [self._flattened(row) for row in source.sample]
        self.lists = _lists(flat, named)
        self.rows: list[Row] = (
            [rollout for row in flat for rollout in _exploded(row, self.lists) or ()] if self.lists else flat
        )
        self.left_out = 0
        self.summaries = _summaries(self.rows)
        if self.summaries:
            self.rows = [row for row in self.rows if not self._sums_up(row)]
        self.notations = notations_of(self.rows, named)
        for name, notations in self.notations.items():
            self.rows = [{**row, name: read_cell(row[name], notations)} if name in row else row for row in self.rows]
        counts: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
        for row in self.rows:
            for name, cell in row.items():
                counts[name][kind_of(cell)] += 1
        self.kinds: Mapping[str, Kind] = {name: overall(counter) for name, counter in counts.items()}

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        """All rollouts with these columns; rows that cannot be read are added to the faults."""
        paths = {name: self._paths[name] for name in (*columns, *self.summaries) if name in self._paths}
        for chunk in self._source.chunks(list(dict.fromkeys(path[0] for path in paths.values())), faults):
            cells = {name: _at_path(chunk.column(path[0]), path[1:]) for name, path in paths.items()}
            flat = Chunk(cells, chunk.numbers)
            flat = self._spread(flat, faults) if self.lists else flat
            flat = self._without_summaries(flat) if self.summaries else flat
            written = {name: flat.cells[name] for name in self.notations if name in flat.cells}
            plain = {name: [read_cell(cell, self.notations[name]) for cell in written[name]] for name in written}
            yield Chunk({**flat.cells, **plain}, flat.numbers)

    def _sums_up(self, row: Row) -> bool:
        return any(isinstance(cell := row.get(name), str) and cell in names for name, names in self.summaries.items())

    def _without_summaries(self, chunk: Chunk) -> Chunk:
        rows = [dict(zip(chunk.cells, cells, strict=True)) for cells in zip(*chunk.cells.values(), strict=True)]
        kept = [position for position, row in enumerate(rows) if not self._sums_up(row)]
        self.left_out += len(rows) - len(kept)
        cells = {name: [column[position] for position in kept] for name, column in chunk.cells.items()}
        return Chunk(cells, [chunk.numbers[position] for position in kept])

    def _spread(self, chunk: Chunk, faults: Faults) -> Chunk:
        cells: dict[str, list[Any]] = {name: [] for name in chunk.cells}
        numbers: list[int] = []
        for position, number in enumerate(chunk.numbers):
            row = {name: column[position] for name, column in chunk.cells.items()}
            rollouts = _exploded(row, self.lists)
            if rollouts is None:
                lengths = (
                    f"{name} has {len(cell) if isinstance(cell, list) else 'none'}"
                    for name, cell in row.items()
                    if name in self.lists
                )
                faults.add(
                    f"{self.name}, {self.unit} {number}", f"lists that are not equally long: {', '.join(lengths)}"
                )
                continue
            numbers += [number] * len(rollouts)
            for rollout in rollouts:
                for name, column in cells.items():
                    column.append(rollout[name])
        return Chunk(cells, numbers)

    def _flattened(self, row: Row) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        self._flatten(row, (), flat)
        return flat

    def _flatten(self, row: Row, above: tuple[str, ...], flat: dict[str, Any]) -> None:
        for key, cell in row.items():
            path = (*above, key)
            name = ".".join(map(str, path)).strip()
            if not self._takes(name, path):
                continue
            flat[name] = cell
            inner = object_in(cell, name)
            if inner and len(path) < DEEPEST:
                self._flatten(inner, path, flat)

    def _takes(self, name: str, path: tuple[str, ...]) -> bool:
        """Whether a cell at this path is one of the column of this name."""
        if name in self._paths:
            if self._paths[name] != path:
                self.doubled[name] = None
            return self._paths[name] == path
        limit, count = (PATHS_AT_MOST, self._inner_paths) if len(path) > 1 else (COLUMNS_AT_MOST, len(self._paths))
        if count >= limit and name not in self._named:
            self.beyond[name] = None
            return False
        self._paths[name] = path
        self._inner_paths += len(path) > 1
        return True


def _at_path(cells: Cells, path: Sequence[str]) -> Cells:
    for key in path:
        cells = [inner_of(cell, key) for cell in cells]
    return cells


def _summaries(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Names of rows that sum up the others: at the end of a file, once each, in its first column or beside prompts."""
    if not rows:
        return {}
    first = next(iter(rows[0]), "")
    summaries: dict[str, set[str]] = {}
    for name in rows[0]:
        if name != first and plain(name) not in GROUPS:
            continue
        names = [cell for row in rows if isinstance(cell := row.get(name), str) and names_summary(cell)]
        last = {row.get(name) for row in rows[-SUMMARIES_AT_MOST:] if isinstance(row.get(name), str)}
        if once := {text for text in names if text in last and names.count(text) == 1}:
            summaries[name] = once
    return summaries


def _lists(rows: Sequence[Row], named: Sequence[str]) -> frozenset[str]:
    """The columns to be spread over rollouts; none where the rewards are one number per row."""
    if not rows:
        return frozenset()
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for name, cell in row.items():
            counts[name][_shape(cell)] += 1
    most = {name: max(kinds, key=kinds.__getitem__) for name, kinds in counts.items()}
    rewards = [name for name in named if name in most] or [name for name in most if may_be_reward(name)]
    numbers = [name for name in rewards if most[name] == "numbers"]
    if len(numbers) < 2 or sum(most[name] == "number" for name in rewards) >= 2:
        return frozenset()
    lengths = [Counter(len(row[name]) for name in numbers if isinstance(row.get(name), list)) for row in rows]
    usual = [counter.most_common(1)[0][0] if counter else None for counter in lengths]
    fitting = {name for name in most if most[name] in ("numbers", "list") and _fits(rows, name, usual)}
    return frozenset(fitting) if sum(name in fitting for name in numbers) >= 2 else frozenset()


def _fits(rows: Sequence[Row], name: str, lengths: Sequence[int | None]) -> bool:
    pairs = [
        (len(row[name]), length) for row, length in zip(rows, lengths, strict=True) if isinstance(row.get(name), list)
    ]
    return sum(own == length for own, length in pairs) >= NUMBERS_AT_LEAST * len(pairs)


def _shape(cell: Any) -> str:
    if not isinstance(cell, list):
        return "number" if kind_of(cell) in NUMERIC else "other"
    if cell and isinstance(cell[0], dict) and "role" in cell[0]:
        return "other"
    kinds = {kind_of(item) for item in cell}
    return "numbers" if kinds & {*NUMERIC} and kinds <= {*NUMERIC, "empty"} else "list"


def _exploded(row: Row, lists: frozenset[str]) -> list[dict[str, Any]] | None:
    """The rollouts in a row; None where its lists are not equally long."""
    own = {name: cell for name, cell in row.items() if name in lists}
    if not all(isinstance(cell, list) for cell in own.values()) or len({len(cell) for cell in own.values()}) != 1:
        return None
    shared = {name: cell for name, cell in row.items() if name not in lists}
    return [shared | dict(zip(own, items, strict=True)) for items in zip(*own.values(), strict=True)]
