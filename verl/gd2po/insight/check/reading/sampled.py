"""The sample of all files as columns: what speaks for and against each being a reward."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gd2po.insight.check.reading.cells import parse_number, to_id
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.names import plain
from gd2po.insight.check.reading.sources import Kind, first_of, overall
from gd2po.insight.check.rollouts import Numbers

SESSION_KEY = re.compile(r"(.+)_([0-9]{1,18})_([0-9]{1,18})")
BEGINNING = 1000
"""Rows at the beginning of a file; a column that is empty in all of them is late."""

_LEAST_FOR_INDEX = 8


class Sampled:
    """Columns of the sample.

    Attributes:
        kinds: Column → kind over all files.
        group: The column that tells the prompt.
        sessions: Whether ``group`` holds verl's ``{prompt}_{session}_{output}``.
        groups: The group of each sampled row, equal for the rollouts of a prompt in one step; None where it has none.
    """

    def __init__(
        self,
        sources: Sequence[FlatSource],
        kinds: Mapping[str, Kind],
        group: str,
        step: str | None,
        file_steps: Mapping[str, int],
        sessions: bool = False,
    ) -> None:
        self.kinds, self._sources, self.group = kinds, sources, group
        self.sessions = sessions
        self._rows = [row for source in sources for row in source.rows]
        files = [source for source in sources for _ in source.rows]
        self._ids = [to_id(row.get(group)) for row in self._rows]
        self._file_of = [source.name for source in files]
        self._steps = [
            to_id(row.get(step)) if step else file_steps.get(source.name)
            for row, source in zip(self._rows, files, strict=True)
        ]
        self._has_steps = bool(step or file_steps)
        self._file_steps = file_steps
        ids = [_prompt(text) if sessions else text for text in self._ids]
        self.groups = [None if text is None else (text, stamp) for text, stamp in zip(ids, self._steps, strict=True)]

    @staticmethod
    def kinds_of(sources: Sequence[FlatSource]) -> dict[str, Kind]:
        """Column → kind over several files."""
        names = dict.fromkeys(name for source in sources for name in source.kinds)
        kinds = {name: [source.kinds[name] for source in sources if name in source.kinds] for name in names}
        return {name: overall(Counter(several)) for name, several in kinds.items()}

    def has_sessions(self, prompt: str | None, ours: bool) -> bool:
        """Whether the ids are surely verl's ``{prompt}_{session}_{output}``: each once a step, its prompt one text."""
        if plain(self.group) != "uid" or prompt is None or not self._has_steps:
            return False
        rows = [
            (SESSION_KEY.fullmatch(text), stamp, row)
            for text, stamp, row in zip(self._ids, self._steps, self._rows, strict=True)
            if text is not None
        ]
        if not rows or not all(match for match, _, _ in rows):
            return False
        if ours:
            return True
        if len({(match and match[0], stamp) for match, stamp, _ in rows}) < len(rows):
            return False
        texts: defaultdict[tuple[str, object], set[str | None]] = defaultdict(set)
        for match, stamp, row in rows:
            if match:
                texts[match[1], stamp].add(to_id(row.get(prompt)))
        return len(texts) < len(rows) and all(len(several) == 1 for several in texts.values())

    def tells_groups(self) -> bool:
        """Whether the ids are neither the same in all sampled rows nor different in each."""
        groups = [group for group in self.groups if group is not None]
        return 1 < len({*groups}) < len(groups)

    def numbers(self, column: str) -> Numbers:
        """The numbers of a column [n], NaN where empty or no number."""
        return np.array([parse_number(row.get(column)) for row in self._rows], dtype=np.float64)

    def example(self, column: str) -> str:
        """A text of a column."""
        return next((str(row[column]) for row in self._rows if isinstance(row.get(column), str)), "")

    def is_index(self, values: Numbers) -> bool:
        """Whether these are whole numbers, each once."""
        filled = values[~np.isnan(values)]
        whole = len(filled) >= _LEAST_FOR_INDEX and bool((filled == np.floor(filled)).all())
        return whole and len(np.unique(filled)) == len(filled)

    def same_within_groups(self, values: Numbers) -> bool:
        """Whether a column is the same for all rollouts of every prompt."""
        known: dict[object, float] = {}
        return all(
            known.setdefault(group, value) == value
            for group, value in zip(self.groups, values.tolist(), strict=True)
            if group is not None and value == value
        )

    def notes(self, rewards: Mapping[str, str]) -> Iterator[str]:
        """What a reader should know of how these rewards and the steps were read."""
        flags = [name for name, column in rewards.items() if self._has_flags(column)]
        if flags:
            yield f"true and false are read as 1 and 0: {', '.join(flags)}"
        for source in self._sources:
            if names := [name for several in source.summaries.values() for name in sorted(several)]:
                yield f"rows of {source.name} that sum up the others by their names are left out: {', '.join(names)}"
        late = [name for name, column in rewards.items() if self._is_late(column)]
        if late:
            yield f"scored only later in a file, or not in every file: {', '.join(late)}"
        spread = sorted({name for source in self._sources for name in source.lists})
        if spread:
            yield f"lists of several rollouts were spread, one row each: {', '.join(spread)}"
        written = [(way, name) for source in self._sources for name, ways in source.notations.items() for way in ways]
        for note in dict.fromkeys(way.note for way, _ in written):
            columns = {name for way, name in written if way.note == note}
            if read_so := [name for name, column in rewards.items() if column in columns]:
                yield f"{note}: {', '.join(read_so)}"
        if beyond := dict.fromkeys(name for source in self._sources for name in source.beyond):
            yield f"{len(beyond):,} columns were not looked at, since there are too many: {first_of(beyond)}"
        if doubled := dict.fromkeys(name for source in self._sources for name in source.doubled):
            yield f"names that two columns have, of which the first was looked at: {first_of(doubled)}"
        if self._file_steps:
            yield "no column tells the step; it was read from the names of the files"
        elif not self._has_steps and self._shared_by_files():
            yield (
                f"no column and no file name tells the step, and values of {self.group} occur in several files: "
                "they count as one group"
            )

    def _has_flags(self, column: str) -> bool:
        return any(str(row.get(column)).strip().lower() in ("true", "false") for row in self._rows)

    def _is_late(self, column: str) -> bool:
        filled = [_count(source, column, None) for source in self._sources]
        if not all(filled):
            return True
        return any(not _count(source, column, BEGINNING) for source in self._sources)

    def _shared_by_files(self) -> bool:
        files: defaultdict[object, set[str]] = defaultdict(set)
        for text, file in zip(self._ids, self._file_of, strict=True):
            files[text].add(file)
        return any(len(several) > 1 for several in files.values())


def _count(source: FlatSource, column: str, rows: int | None) -> int:
    return sum(1 for row in source.rows[:rows] if row.get(column) is not None)


def _prompt(text: str | None) -> str | None:
    match = SESSION_KEY.fullmatch(text or "")
    return match[1] if match else text
