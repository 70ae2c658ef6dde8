"""Chunks of cells to numbers: scores, group, session, source and length of each good row."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from gd2po.insight.check.reading.cells import to_bytes, to_id, to_numbers, to_text
from gd2po.insight.check.reading.columns import ColumnRoles
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.sampled import SESSION_KEY
from gd2po.insight.check.reading.sources import Chunk, Faults
from gd2po.insight.check.reading.streams import printable
from gd2po.insight.check.rollouts import Codes, Numbers
from gd2po.insight.check.step_weights import NO_STEP


@dataclass(frozen=True)
class GoodRows:
    """The rows that can be used.

    Attributes:
        scores: The scores [K, n], NaN where not scored.
        groups: The number of the group of each row [n].
        sessions: verl's session and output [2, n], −1 where there are none.
        sources: The number of the data source [n], all 0 if nothing tells it.
        lengths: The length of the response [n], all 1 if nothing tells it.
        steps: The step of the training [n], ``NO_STEP`` where nothing tells it.
        weights: The weights in that step, of the rewards for which a column tells them [W, n]; NaN in empty cells.
    """

    scores: Numbers
    groups: Codes
    sessions: Codes
    sources: Codes
    lengths: Codes
    steps: Codes
    weights: Numbers


@dataclass
class Gathering:
    """Takes chunk after chunk and keeps its numbers.

    Attributes:
        roles: The columns by what they tell.
        faults: The rows that cannot be used.
        rows: The number of good rows so far.
        source_names: Data source → number, in order of appearance.
    """

    roles: ColumnRoles
    faults: Faults = field(default_factory=Faults)
    rows: int = 0
    source_names: dict[str, int] = field(default_factory=dict)
    _groups: dict[str, int] = field(default_factory=dict)
    _parts: list[GoodRows] = field(default_factory=list)

    def add(self, source: FlatSource, chunk: Chunk) -> None:
        """Keep the numbers of a chunk."""
        roles = self.roles
        wrong: dict[int, str] = {}
        scores = _numbers(chunk, roles.rewards.values(), wrong)
        ids = [to_id(cell) for cell in chunk.column(roles.group)]
        wrong |= {row: f"no {roles.group}" for row, text in enumerate(ids) if text is None}
        weights = _numbers(chunk, roles.weights.values(), wrong)
        lengths = _lengths(roles, chunk, wrong)
        for row in sorted(wrong):
            self.faults.add(f"{source.name}, {source.unit} {chunk.numbers[row]}", wrong[row])
        good = [row for row in range(len(ids)) if row not in wrong]
        if not good:
            return
        self.rows += len(good)
        steps = self._steps(source, chunk)
        keys = [_split(ids[row] or "", roles.sessions) for row in good]
        self._parts.append(
            GoodRows(
                scores=scores[:, good],
                groups=self._numbered([(prompt, steps[row]) for row, (prompt, _, _) in zip(good, keys, strict=True)]),
                sessions=np.array([(session, output) for _, session, output in keys], dtype=np.int64).T,
                sources=self._sources(chunk)[good],
                lengths=lengths[good].astype(np.int64),
                steps=np.array([int(steps[row]) if steps[row].isdecimal() else NO_STEP for row in good]),
                weights=weights[:, good],
            )
        )

    def _steps(self, source: FlatSource, chunk: Chunk) -> list[str]:
        """The step of each row, in its column or in the name of the file; empty texts where nothing tells it."""
        if self.roles.step:
            return [to_id(cell) or "-1" for cell in chunk.column(self.roles.step)]
        return [str(self.roles.file_steps.get(source.name, ""))] * len(chunk.numbers)

    def whole(self) -> GoodRows:
        """All good rows; groups are numbered in the order of their digests, whatever the order of the rows."""
        fields = ([getattr(part, name) for part in self._parts] for name in GoodRows.__annotations__)
        scores, groups, *others = (np.concatenate(arrays, axis=-1) for arrays in fields)
        ranks = np.empty(len(self._groups), dtype=np.int64)
        ranks[np.argsort(np.array(list(self._groups), dtype="S32"))] = np.arange(len(ranks))
        return GoodRows(scores, ranks[groups], *others)

    def _numbered(self, keys: Sequence[tuple[str, str]]) -> Codes:
        """The number of the group of each row, in order of appearance; equal ids of different steps are different."""
        numbers = {key: self._groups.setdefault(_digest(*key), len(self._groups)) for key in dict.fromkeys(keys)}
        return np.array([numbers[key] for key in keys], dtype=np.int64)

    def _sources(self, chunk: Chunk) -> Codes:
        if not self.roles.source:
            return np.zeros(len(chunk.numbers), dtype=np.int64)
        names = (printable(to_text(cell) or "not named") for cell in chunk.column(self.roles.source))
        return np.array([self.source_names.setdefault(name, len(self.source_names)) for name in names], dtype=np.int64)


def _numbers(chunk: Chunk, columns: Collection[str], wrong: dict[int, str]) -> Numbers:
    """The numbers in these columns [K, n], NaN where empty; rows with something else are added to the wrong ones."""
    values = np.empty((len(columns), len(chunk.numbers)))
    for place, column in enumerate(columns):
        values[place], odd = to_numbers(chunk.column(column))
        for row, cell in odd.items():
            wrong.setdefault(row, f"{column} is {cell:.60}, not a finite number")
    return values


def _lengths(roles: ColumnRoles, chunk: Chunk, wrong: dict[int, str]) -> Numbers:
    if roles.length:
        lengths = np.nan_to_num(_numbers(chunk, [roles.length], wrong)[0])
        for row in np.flatnonzero((lengths < 0) | (lengths != np.floor(lengths))).tolist():
            wrong.setdefault(row, f"{roles.length} is {lengths[row]:g}, not a whole number of tokens")
        return lengths
    if roles.text:
        texts = (to_text(cell) or "" for cell in chunk.column(roles.text))
        return np.array([len(to_bytes(text).split()) for text in texts], dtype=np.float64)
    return np.ones(len(chunk.numbers))


def _split(uid: str, has_session: bool) -> tuple[str, int, int]:
    """Prompt, session and output of verl's key of a row, ``{prompt}_{session}_{output}``; −1 in other keys."""
    match = SESSION_KEY.fullmatch(uid) if has_session else None
    return (match[1], int(match[2]), int(match[3])) if match else (uid, -1, -1)


def _digest(text: str, step: str) -> str:
    return hashlib.blake2b(to_bytes(step) + b"\0" + to_bytes(text), digest_size=16).hexdigest()
