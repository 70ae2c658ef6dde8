"""Chunks of cells to numbers (scores, group, session, source and length of each good row), and these to rollouts."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from gd2po.defaults import Direction
from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.cells import to_bytes, to_id, to_numbers, to_text
from gd2po.insight.check.reading.columns import ColumnRoles
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.run_settings import RunSettings
from gd2po.insight.check.reading.sampled import SESSION_KEY
from gd2po.insight.check.reading.sources import Chunk, Faults
from gd2po.insight.check.reading.streams import printable
from gd2po.insight.check.rollouts import Account, Codes, Numbers, Rollouts
from gd2po.insight.check.step_weights import NO_STEP, WeightSources
from gd2po.rewards.composition import apply_gates


class GoodRows(NamedTuple):
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
    """

    roles: ColumnRoles
    faults: Faults = field(default_factory=Faults)
    _files: dict[str, FlatSource] = field(default_factory=dict)
    _source_names: dict[str, int] = field(default_factory=dict)
    _groups: dict[str, int] = field(default_factory=dict)
    _parts: list[GoodRows] = field(default_factory=list)

    def add(self, source: FlatSource) -> None:
        """Keep the numbers of a file."""
        self._files[source.name] = source
        for chunk in source.chunks(self.roles.columns, self.faults):
            self._add(source, chunk)

    def _add(self, source: FlatSource, chunk: Chunk) -> None:
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

    def _numbered(self, keys: Sequence[tuple[str, str]]) -> Codes:
        """The number of the group of each row, in order of appearance; equal ids of different steps are different."""
        numbers = {key: self._groups.setdefault(_digest(*key), len(self._groups)) for key in dict.fromkeys(keys)}
        return np.array([numbers[key] for key in keys], dtype=np.int64)

    def _sources(self, chunk: Chunk) -> Codes:
        if not self.roles.source:
            return np.zeros(len(chunk.numbers), dtype=np.int64)
        names = (printable(to_text(cell) or "not named") for cell in chunk.column(self.roles.source))
        numbers = [self._source_names.setdefault(name, len(self._source_names)) for name in names]
        return np.array(numbers, dtype=np.int64)

    def rollouts(self, weights: WeightSources, directions: dict[str, Direction], settings: RunSettings) -> Rollouts:
        """The rollouts that count, sorted by group, with an account of the others.

        Args:
            weights: What tells weights, beside the columns of a dump.
            directions: Reward → direction, for every reward.
            settings: The settings of these rewards in their run.

        Raises:
            CheckError: there is no good row, or no group of two.
        """
        roles, faults = self.roles, self.faults
        if not self._parts:
            raise CheckError(f"no row can be used. {'; '.join(faults.examples) or 'The files have no rows.'}")
        whole = self._whole()
        weighed = weights.weigh(list(roles.rewards), whole.steps, dict(zip(roles.weights, whole.weights, strict=True)))
        scored = (~np.isnan(whole.scores) & (weighed.values != 0)).any(0)
        last = _last_outputs(whole)
        rows = np.flatnonzero(scored & last)
        rows = rows[np.argsort(whole.groups[rows], kind="stable")]
        groups, lengths = np.unique(whole.groups[rows], return_inverse=True)[1], whole.lengths[rows]
        if not len(rows) or np.bincount(groups).max() < 2:
            raise CheckError(
                f"no two rollouts share a value of {roles.group!r}, so nothing can be compared; name the column that "
                "is equal for all rollouts of a prompt with --group"
            )
        lengths_told = bool(roles.lengths_from and lengths.any())
        last_step = weighed.values[:, rows[whole.steps[rows].argmax()]].tolist()
        left_out = sum(file.left_out for file in self._files.values())
        return Rollouts(
            names=tuple(roles.rewards),
            scores=_gated(roles.rewards, whole.scores[:, rows], settings.gates),
            groups=groups,
            lengths=lengths if lengths_told else np.ones_like(lengths),
            sources=whole.sources[rows] if roles.source else None,
            source_names=tuple(self._source_names),
            weights=dict(zip(roles.rewards, last_step, strict=True)),
            directions=directions,
            account=Account(
                files=tuple(self._files),
                rows=len(whole.groups) + faults.count + left_out,
                bad=faults.count,
                bad_examples=tuple(faults.examples),
                unscored=int((~scored & last).sum()),
                earlier_outputs=int((~last).sum()),
                group_column=roles.group,
                by_step=roles.step is not None or bool(roles.file_steps),
                lengths_from=roles.lengths_from if lengths_told else "",
                not_taken=roles.not_taken,
                notes=(*settings.notes(), *roles.notes, *weighed.notes),
            ),
            moved_weights=weighed.values[:, rows] if weighed.move else None,
        )

    def _whole(self) -> GoodRows:
        """All good rows; groups are numbered in the order of their digests, whatever the order of the rows."""
        rows = GoodRows(*(np.concatenate(arrays, axis=-1) for arrays in zip(*self._parts, strict=True)))
        ranks = np.empty(len(self._groups), dtype=np.int64)
        ranks[np.argsort(np.array(list(self._groups), dtype="S32"))] = np.arange(len(ranks))
        return rows._replace(groups=ranks[rows.groups])


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


def _gated(names: Iterable[str], scores: Numbers, gates: Mapping[str, Mapping[str, float]]) -> Numbers:
    columns = dict(zip(names, map(torch.from_numpy, np.ascontiguousarray(scores)), strict=True))
    return np.stack([values.numpy() for values in apply_gates(columns, gates).values()])


def _last_outputs(whole: GoodRows) -> np.ndarray:
    """Which rows are the last output of their session [N] bool: its earlier ones carry the same scores."""
    session, output = whole.sessions
    if output.max() <= 0:
        return np.ones(len(output), dtype=bool)
    order = np.lexsort((output, session, whole.groups))
    same = (np.diff(whole.groups[order]) == 0) & (np.diff(session[order]) == 0) & (session[order][1:] >= 0)
    last = np.ones(len(output), dtype=bool)
    last[order[:-1][same]] = False
    return last
