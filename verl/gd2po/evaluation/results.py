"""The one layout of a result: a folder with a line per sample and a summary.

``samples.jsonl``
    one JSON object per sample, with at least ``id``, ``output`` and ``finish``; scores beside them.
``summary.json``
    :class:`Summary`.
"""

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from gd2po.errors import GD2POError
from gd2po.files import whole_file, write_whole
from gd2po.intervals import Interval, clustered_mean

SCHEMA = 1
SAMPLES, SUMMARY = "samples.jsonl", "summary.json"
SHARE, REWARD = "share", "reward"

Better = Literal["higher", "lower", "neither"]
"""The direction in which a score is judged."""


class ResultError(GD2POError, ValueError):
    """A result folder that cannot be read or must not be written to."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a benchmark with its 95 % interval.

    Attributes:
        name: The name of the score, ``group/measure``, such as ``lv1/strict``.
        value: A share in [0, 1], or a mean in its own unit.
        low, high: The ends of the interval; None where none is known.
        count: The number of samples behind the score; failures count.
        correct: The numerator of a share; None for a mean, and for an average of shares.
        unit: ``share``, or the unit of a mean.
        better: The direction in which a leaderboard judges the score. None leaves it to the unit: more of a share is
            better, and a mean is shown and not judged.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    count: int
    correct: int | None = None
    unit: str = SHARE
    better: Better | None = None

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is, 0 where it is not judged."""
        judged = self.better or ("higher" if self.unit == SHARE else "neither")
        return {"higher": 1, "lower": -1, "neither": 0}[judged]

    @property
    def interval(self) -> Interval | None:
        """The value with the ends of its interval; None where none is known."""
        return None if self.low is None or self.high is None else Interval(self.value, self.low, self.high)


def mean_score(
    name: str,
    values: Sequence[float],
    clusters: Sequence[Hashable],
    unit: str,
    better: Better | None = None,
) -> Iterable[Score]:
    """A mean with its interval over clusters; without an interval where there is one cluster, and none of nothing."""
    if not values:
        return
    single = len(set(clusters)) < 2
    value, low, high = (math.fsum(values) / len(values), None, None) if single else clustered_mean(values, clusters)
    yield Score(name, value, low, high, len(values), None, unit, better)


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of one evaluation, with the conditions under which they were obtained.

    Attributes:
        benchmark: The benchmark's name: ``api-bank``, ``bfcl``, …
        version: The version of the benchmark: its wheel, or checksums of its files.
        model: The model's name in tables.
        backend: :meth:`gd2po.evaluation.generation.Backend.describe`, with the model's hash and the engine's versions.
        decoding: The decoding of the answers.
        versions: The versions of gd2po, Python, torch and the other software that took part.
        started: The time at which the first session began, ISO 8601, UTC.
        seconds: The time spent, over all sessions of a resumed run.
        complete: Whether every sample of every part of the benchmark's task has been answered or has failed.
        scores: The scores in the order of a table.
        notes: Remarks that a reader must know beside the numbers.
        schema: The version of this layout.
    """

    benchmark: str
    version: Mapping[str, str]
    model: str
    backend: Mapping[str, Any]
    decoding: Mapping[str, Any]
    versions: Mapping[str, str]
    started: str
    seconds: float
    complete: bool
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    schema: int = field(default=SCHEMA)


def write_summary(folder: Path, summary: Summary) -> None:
    """Write ``summary.json`` whole or not at all."""
    write_whole(folder / SUMMARY, json.dumps(asdict(summary), indent=2, allow_nan=False) + "\n")


def write_result(folder: Path, summary: Summary, samples: Iterable[Mapping[str, Any]]) -> None:
    """Write ``samples.jsonl`` and ``summary.json``, each whole or not at all."""
    with whole_file(folder / SAMPLES) as partial, partial.open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n")
    write_summary(folder, summary)


def failure_notes(
    samples: Iterable[Mapping[str, Any]], noun: str, consequence: str = "count as wrong", prefix: str = ""
) -> list[str]:
    """The notes of a summary on samples without an answer, and on answers that were cut.

    Args:
        samples: The samples, with ``id``, ``finish`` and ``error``.
        noun: The plural noun for the samples.
        consequence: What becomes of samples without an answer.
        prefix: The beginning of each note.
    """
    by_finish: dict[str, list[Mapping[str, Any]]] = {}
    for sample in samples:
        by_finish.setdefault(sample["finish"], []).append(sample)
    notes = []
    if failed := by_finish.get("error"):
        first = f"{failed[0]['id']}: {failed[0]['error']}"
        notes.append(f"{prefix}{len(failed)} {noun} have no answer and {consequence}; the first, {first}")
    if cut := by_finish.get("length"):
        notes.append(f"{prefix}{len(cut)} answers were cut at the longest length, such as that to {cut[0]['id']}")
    return notes


def read_summary(folder: Path) -> Summary:
    """The summary in a result folder.

    Raises:
        ResultError: There is none, or it is of another layout.
    """
    path = folder / SUMMARY
    if not path.is_file():
        raise ResultError(f"{folder} holds no {SUMMARY}; expected a folder that `gd2po eval` wrote")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if (layout := fields["schema"]) != SCHEMA:
            raise ResultError(f"{path} has layout {layout!r}, expected {SCHEMA}; evaluate again")
        scores = tuple(Score(**score) for score in fields["scores"])
        return Summary(**fields | {"scores": scores, "notes": tuple(fields["notes"])})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is no result summary: {error!r}; evaluate again") from error
