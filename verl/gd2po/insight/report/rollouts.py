"""verl's rollout dump, a file per step, read line by line: query weights, and where the strongest conflicts stand.

No text is kept. The few that a page shows are read again from their place in the file.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from gd2po.insight.check.reading.names import ADVANTAGE, REWARD, WEIGHT

Row = Mapping[str, Any]

WEIGHT_BINS = 10
"""Parts of (0, 1] in which query weights are counted; a weight of 0 has a bin of its own."""


@dataclass(frozen=True, order=True)
class Spot:
    """The place of a rollout in conflict.

    Attributes:
        cancelled: How much of its weighted advantages cancels: the smaller of the sums of either sign.
        step: The step of the training.
        offset: The place of its line in the file, in bytes.
    """

    cancelled: float
    step: int
    offset: int


@dataclass(frozen=True)
class StepDump:
    """What is kept of the rollouts of a step.

    Attributes:
        weights: The number of queries by bin of their query weight, see :data:`WEIGHT_BINS`; bin 0 is a weight of 0.
        spots: The strongest conflict of each of the queries that have the strongest.
        unread: The number of lines that are no rollout.
        without_record: The number of rollouts without a record of this plug-in, such as padding.
    """

    weights: Counter[int]
    spots: tuple[Spot, ...]
    unread: int
    without_record: int


class RolloutDump:
    """The dump of a run; a file is read again only when it has changed."""

    def __init__(self, folder: Path, shown: int) -> None:
        """
        Args:
            folder: The folder ``rollouts`` of a run; it need not exist.
            shown: The number of conflicts that a page shows.
        """
        self._folder, self._shown = folder, shown
        self._read: dict[int, tuple[tuple[int, int], StepDump]] = {}

    def read_on(self, last_step: int, weights: Mapping[str, float]) -> dict[int, StepDump]:
        """Step → what is kept of it, up to ``last_step``: what lies after it is not finished, or of an older start.

        Args:
            last_step: The last finished step.
            weights: Reward → weight; 1 where it is not named.
        """
        for step, path in self._files():
            if step > last_step:
                continue
            state = path.stat()
            seen = (state.st_mtime_ns, state.st_size)
            if self._read.get(step, (None,))[0] != seen:
                self._read[step] = seen, _summarise(path, step, weights, self._shown)
        return {step: dump for step, (_, dump) in sorted(self._read.items()) if step <= last_step}

    def strongest(self, dumps: Mapping[int, StepDump]) -> Iterator[Row]:
        """The rollouts with the strongest conflicts, read again with their texts."""
        for spot in heapq.nlargest(self._shown, (spot for dump in dumps.values() for spot in dump.spots)):
            with (self._folder / f"{spot.step}.jsonl").open("rb") as file:
                file.seek(spot.offset)
                row = _row(file.readline())
            if row is not None:
                yield {**row, "cancelled": spot.cancelled}

    def _files(self) -> Iterator[tuple[int, Path]]:
        for path in self._folder.glob("*.jsonl"):
            if path.stem.isdecimal():
                yield int(path.stem), path


def named(row: Row, kind: str) -> dict[str, float]:
    """Reward → its value in a row, without those that are missing; ``kind`` is ``reward/``, ``adv/`` or ``weight/``."""
    return {key.removeprefix(kind): value for key, value in row.items() if key.startswith(kind) and value is not None}


def scores(row: Row) -> dict[str, float]:
    """Reward → raw score."""
    return named(row, REWARD)


def votes(row: Row, weights: Mapping[str, float]) -> dict[str, float]:
    """Reward → weight times its advantage."""
    moved = weights_of(row, weights)
    return {name: moved.get(name, 1.0) * value for name, value in named(row, ADVANTAGE).items()}


def weights_of(row: Row, weights: Mapping[str, float]) -> dict[str, float]:
    """Reward → weight in the step of a row, which names those that move; ``weights`` are those of the settings."""
    return {**weights, **named(row, WEIGHT)}


def _summarise(path: Path, step: int, weights: Mapping[str, float], shown: int) -> StepDump:
    queries: dict[str, float] = {}
    strongest: dict[str, Spot] = {}
    unread = without_record = offset = 0
    with path.open("rb") as file:
        for line in file:
            start, offset = offset, offset + len(line)
            row = _row(line)
            if row is None:
                unread += line.endswith(b"\n")
                continue
            if row.get("query_weight") is None:
                without_record += 1
                continue
            query = str(row.get("uid")).rsplit("_", 2)[0]
            queries[query] = row["query_weight"]
            if row["conflict"]:
                spot = Spot(_cancelled(votes(row, weights).values()), step, start)
                strongest[query] = max(spot, strongest.get(query, spot))
    return StepDump(
        Counter(map(_bin, queries.values())), tuple(heapq.nlargest(shown, strongest.values())), unread, without_record
    )


def _row(line: bytes) -> Row | None:
    """A rollout, or None where the line is none, as a line that is still being written."""
    try:
        row = from_json(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _cancelled(votes: Iterable[float]) -> float:
    values = list(votes)
    return min(sum(max(value, 0.0) for value in values), sum(max(-value, 0.0) for value in values))


def _bin(weight: float) -> int:
    return min(WEIGHT_BINS, -int(-weight * WEIGHT_BINS // 1))
