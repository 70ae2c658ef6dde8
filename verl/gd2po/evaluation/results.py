"""The one layout of a result: a folder with a line per sample and a summary.

``samples.jsonl``
    one JSON object per sample, with at least ``id``, ``output`` and ``finish``; scores beside them.
``summary.json``
    :class:`Summary`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from gd2po.errors import GD2POError
from gd2po.files import whole_file, write_whole

SCHEMA = 1
SAMPLES, SUMMARY = "samples.jsonl", "summary.json"
SHARE, REWARD = "share", "reward"


class ResultError(GD2POError, ValueError):
    """A result folder that cannot be read or must not be written to."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a benchmark with its 95 % interval.

    Attributes:
        name: ``group/measure``, such as ``lv1/strict``.
        value: a share in [0, 1], or a mean in its own unit.
        low, high: ends of the interval; None where none is known.
        count: samples behind it; failures count.
        correct: the numerator of a share; None for a mean, and for an average of shares.
        unit: ``share``, or that of a mean.
        better: which way a leaderboard judges it; None for what the unit says: more of a share is better, and a mean is
            shown and not judged.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    count: int
    correct: int | None = None
    unit: str = SHARE
    better: Literal["higher", "lower", "neither"] | None = None

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is, 0 where it is not judged."""
        judged = self.better or ("higher" if self.unit == SHARE else "neither")
        return {"higher": 1, "lower": -1, "neither": 0}[judged]


@dataclass(frozen=True, slots=True)
class Summary:
    """What was evaluated, how, and what came out.

    Attributes:
        benchmark: ``api-bank``, ``bfcl``, …
        version: of the benchmark: its wheel, or checksums of its files.
        model: how the model is called in tables.
        backend: :meth:`gd2po.evaluation.generation.Backend.describe`, with the model's hash and the engine's versions.
        decoding: of the answers.
        versions: of gd2po, Python, torch and what else took part.
        started: ISO 8601, UTC.
        seconds: spent, over all sittings of a resumed run.
        complete: every sample of every part that was asked for has been answered or has failed.
        scores: in the order of a table.
        notes: what a reader must know beside the numbers.
        schema: of this layout.
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


def write_samples(folder: Path, samples: Iterable[Mapping[str, Any]]) -> None:
    """Write ``samples.jsonl`` whole or not at all."""
    with whole_file(folder / SAMPLES) as partial, partial.open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n")


def read_summary(folder: Path) -> Summary:
    """The summary in a result folder.

    Raises:
        ResultError: there is none, or it is of another layout.
    """
    path = folder / SUMMARY
    if not path.is_file():
        raise ResultError(f"{folder} holds no {SUMMARY}; expected a folder that `gd2po eval` wrote")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if (layout := found["schema"]) != SCHEMA:
            raise ResultError(f"{path} has layout {layout!r}, expected {SCHEMA}; evaluate again")
        scores = tuple(Score(**score) for score in found["scores"])
        return Summary(**found | {"scores": scores, "notes": tuple(found["notes"])})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is no result summary: {error!r}; evaluate again") from error
