"""The samples of all files as one table: what speaks for and against each of its columns being a reward."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from gd2po.insight.check.reading.cells import parse_number, to_id
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.names import find_name, plain
from gd2po.insight.check.reading.sources import NUMERIC, Cells, Kind, first_of, overall
from gd2po.insight.check.reading.steps import steps_in_names
from gd2po.insight.check.rollouts import Numbers

STEPS = ("step", "global_step", "global_steps", "gen_step", "training_step", "train_step", "trainer_step")
SESSION_KEY = re.compile(r"(.+)_([0-9]{1,18})_([0-9]{1,18})")
BEGINNING = 1000
"""Rows at the beginning of a file; a column that is empty in all of them is late."""

_LEAST_FOR_INDEX = 8


@dataclass(frozen=True)
class Prompts:
    """The groups by the values of one column.

    Attributes:
        column: The column that tells the prompt.
        groups: The group of each sampled row, equal for the rollouts of a prompt in one step; None where it has none.
        sessions: Whether the column holds verl's ``{prompt}_{session}_{output}``.
    """

    column: str
    groups: list[tuple[str, object] | None]
    sessions: bool = False

    @property
    def tell_groups(self) -> bool:
        """Whether the ids are neither the same in all sampled rows nor different in each."""
        groups = [group for group in self.groups if group is not None]
        return 1 < len({*groups}) < len(groups)


class Sampled:
    """Columns of the sample.

    Attributes:
        kinds: Column → kind over all files.
        step: The column with the step of the training; None where no column tells it.
        file_steps: File → the step in its name, where no column tells it.
    """

    def __init__(self, sources: Sequence[FlatSource]) -> None:
        self._sources = sources
        names = dict.fromkeys(name for source in sources for name in source.kinds)
        self.kinds: dict[str, Kind] = {
            name: overall(source.kinds.get(name, "empty") for source in sources) for name in names
        }
        self.step = self.first(STEPS, (*NUMERIC, "text"))
        self.file_steps = {} if self.step else steps_in_names([source.name for source in sources])
        self._files = [source.name for source in sources for _ in source.sample.numbers]
        self._steps: list[object] = [self.file_steps.get(file) for file in self._files]
        if self.step:
            self._steps = list(map(to_id, self.cells(self.step)))

    def first(self, names: Sequence[str], kinds: Collection[Kind]) -> str | None:
        """The first column of these names that is of one of these kinds."""
        return find_name(names, [name for name, kind in self.kinds.items() if kind in kinds])

    def cells(self, column: str) -> Cells:
        """The cells of a column in all files; None where a file, or a row, has none."""
        return list(chain.from_iterable(source.sample.column(column) for source in self._sources))

    def numbers(self, column: str) -> Numbers:
        """The numbers of a column [n], NaN where empty or no number."""
        return np.array(list(map(parse_number, self.cells(column))), dtype=np.float64)

    def prompts(self, column: str, prompt: str | None, ours: bool) -> Prompts:
        """The groups that a column tells, session keys of verl taken apart.

        Args:
            column: The column.
            prompt: The column with the text of the prompt; None if there is none.
            ours: Whether the rollouts are a dump of this plug-in.
        """
        ids = list(map(to_id, self.cells(column)))
        sessions = plain(column) == "uid" and prompt is not None and self._are_sessions(ids, prompt, ours)
        if sessions:
            ids = [text and SESSION_KEY.sub(r"\1", text) for text in ids]
        groups = [None if text is None else (text, step) for text, step in zip(ids, self._steps, strict=True)]
        return Prompts(column, groups, sessions)

    def _are_sessions(self, ids: Sequence[str | None], prompt: str, ours: bool) -> bool:
        """Whether ids are surely verl's ``{prompt}_{session}_{output}``: each once a step, its prompt one text."""
        keys = [(text, step) for text, step in zip(ids, self._steps, strict=True) if text is not None]
        if not keys or not (self.step or self.file_steps):
            return False
        if not all(SESSION_KEY.fullmatch(text) for text, _ in keys):
            return False
        if ours:
            return True
        texts: defaultdict[tuple[str, object], set[str | None]] = defaultdict(set)
        for text, step, cell in zip(ids, self._steps, self.cells(prompt), strict=True):
            if text is not None:
                texts[SESSION_KEY.sub(r"\1", text), step].add(to_id(cell))
        each_once = len({*keys}) == len(keys)
        return each_once and len(texts) < len(keys) and all(len(several) == 1 for several in texts.values())

    def notes(self, rewards: Mapping[str, str], group: str) -> Iterator[str]:
        """What a reader should know of how these rewards and the steps were read.

        Args:
            rewards: Reward → column.
            group: The column that tells the prompt.
        """
        if flags := [name for name, column in rewards.items() if self._has_flags(column)]:
            yield f"true and false are read as 1 and 0: {', '.join(flags)}"
        for source in self._sources:
            if names := [name for several in source.summaries.values() for name in sorted(several)]:
                yield f"rows of {source.name} that sum up the others by their names are left out: {', '.join(names)}"
        if late := [name for name, column in rewards.items() if self._is_late(column)]:
            yield f"scored only later in a file, or not in every file: {', '.join(late)}"
        if spread := sorted({name for source in self._sources for name in source.lists}):
            yield f"lists of several rollouts were spread, one row each: {', '.join(spread)}"
        columns: defaultdict[str, set[str]] = defaultdict(set)
        for source in self._sources:
            for name, ways in source.notations.items():
                for way in ways:
                    columns[way.note].add(name)
        for note, written in columns.items():
            if read_so := [name for name, column in rewards.items() if column in written]:
                yield f"{note}: {', '.join(read_so)}"
        if beyond := dict.fromkeys(name for source in self._sources for name in source.beyond):
            yield f"{len(beyond):,} columns were not looked at, since there are too many: {first_of(beyond)}"
        if doubled := dict.fromkeys(name for source in self._sources for name in source.doubled):
            yield f"names that two columns have, of which the first was looked at: {first_of(doubled)}"
        if self.file_steps:
            yield "no column tells the step; it was read from the names of the files"
        elif not self.step and self._shared_by_files(group):
            yield (
                f"no column and no file name tells the step, and values of {group} occur in several files: "
                "they count as one group"
            )

    def _has_flags(self, column: str) -> bool:
        return any(str(cell).strip().lower() in ("true", "false") for cell in self.cells(column))

    def _is_late(self, column: str) -> bool:
        beginnings = (source.sample.column(column)[:BEGINNING] for source in self._sources)
        return any(all(cell is None for cell in cells) for cells in beginnings)

    def _shared_by_files(self, column: str) -> bool:
        places = {*zip(map(to_id, self.cells(column)), self._files, strict=True)}
        return len({text for text, _ in places}) < len(places)


def is_index(values: Numbers) -> bool:
    """Whether these are whole numbers, each once."""
    filled = values[~np.isnan(values)]
    whole = len(filled) >= _LEAST_FOR_INDEX and bool((filled == np.floor(filled)).all())
    return whole and len(np.unique(filled)) == len(filled)


def same_within_groups(values: Numbers, prompts: Prompts) -> bool:
    """Whether numbers [n] are the same for all rollouts of every prompt."""
    known: dict[object, float] = {}
    return all(
        known.setdefault(group, value) == value
        for group, value in zip(prompts.groups, values.tolist(), strict=True)
        if group is not None and value == value
    )
