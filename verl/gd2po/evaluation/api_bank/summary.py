"""From scored samples to the numbers of a table, over fixed denominators.

Every level that has a sample counts all its items, 399, 67 or 131: a sample that is missing, or that could not be
generated, is wrong and has length 0. Without the flawed items (:mod:`.flawed`) these are 386, 61 and 131.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gd2po import intervals
from gd2po.evaluation.api_bank.flawed import FLAWED
from gd2po.evaluation.api_bank.items import LEVELS, parse_sample_id
from gd2po.evaluation.results import SHARE, Score
from gd2po.intervals import Interval
from gd2po.rewards.tool_calling.api_bank.tools import ItemError

BENCHMARK = "api-bank"

Answers = Mapping[int, Mapping[str, Any]]
"""The sample of each index of a level."""

_GROUPS = ("micro", "lv1", "lv2", "lv3")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number per group: its name, the field of a sample, the unit, and whether flawed items count."""

    name: str
    field: str
    unit: str = SHARE
    flawed: bool = True


MEASURES = (
    Measure("strict", "strict_correct"),
    Measure("published", "published_correct"),
    Measure("strict_unflawed", "strict_correct", flawed=False),
    Measure("published_unflawed", "published_correct", flawed=False),
    Measure("training_format", "training_format"),
    Measure("published_format", "published_format"),
    Measure("length", "length", unit="score"),
    Measure("think_words", "think_words", unit="words"),
)


def summarise(samples: Iterable[Mapping[str, Any]]) -> tuple[Score, ...]:
    """The scores of each level with samples (``lv1/strict``, …), and ``micro/…`` and ``macro/…`` if all three have.

    Args:
        samples: The samples, with ``id`` (``Level1_0``, …), ``finish`` and the fields that :func:`.score` returns; the
            latter are not read where ``finish`` is ``error``.

    Returns:
        Shares with Wilson's interval, means with Student's. ``micro`` counts every item alike, ``macro`` every level
        alike, with a MOVER interval.

    Raises:
        ItemError: API-Bank does not have the sample, or the sample is there twice.
    """
    levels = _by_level(samples)
    groups = {f"lv{level}": {level: answers} for level, answers in levels.items()}
    if levels.keys() != LEVELS.keys():
        return _over_items(groups)
    return *_over_items(groups | {"micro": levels}), *(_macro(measure, levels) for measure in MEASURES)


def headline(names: Iterable[str]) -> list[str]:
    """The scores of a leaderboard, of those that there are: both ways of counting, over all and per level.

    Format and length follow over all, or per level where there is no score over all.
    """
    known = set(names)
    overall = _GROUPS[:1] if f"{_GROUPS[0]}/strict" in known else _GROUPS
    chosen = [f"{group}/{way}" for way in ("strict", "published") for group in _GROUPS]
    chosen += [f"{group}/{measure}" for measure in ("training_format", "length") for group in overall]
    return [name for name in chosen if name in known]


def _by_level(samples: Iterable[Mapping[str, Any]]) -> dict[int, Answers]:
    by_level: dict[int, dict[int, Mapping[str, Any]]] = {}
    for sample in samples:
        level, index = parse_sample_id(sample["id"])
        if index in by_level.setdefault(level, {}):
            raise ItemError(f"the sample {sample['id']} is there twice; expected one answer to each item")
        by_level[level][index] = sample
    return {level: by_level[level] for level in LEVELS if level in by_level}


def _values(measure: Measure, levels: Mapping[int, Answers]) -> list[float]:
    """One number per item of ``levels``; 0 for an item without an answer."""
    return [
        _value(measure, answers.get(index))
        for level, answers in levels.items()
        for index in range(LEVELS[level])
        if measure.flawed or index not in FLAWED[level]
    ]


def _value(measure: Measure, sample: Mapping[str, Any] | None) -> float:
    return 0 if sample is None or sample["finish"] == "error" else sample[measure.field]


def _over_items(groups: Mapping[str, Mapping[int, Answers]]) -> tuple[Score, ...]:
    return tuple(
        _score(group, measure, _values(measure, levels)) for group, levels in groups.items() for measure in MEASURES
    )


def _score(group: str, measure: Measure, values: Sequence[float]) -> Score:
    correct = int(sum(values)) if measure.unit == SHARE else None
    return Score(f"{group}/{measure.name}", *_estimate(measure, values), len(values), correct, measure.unit)


def _macro(measure: Measure, levels: Mapping[int, Answers]) -> Score:
    values = [_values(measure, {level: answers}) for level, answers in levels.items()]
    interval = intervals.average([_estimate(measure, of_level) for of_level in values])
    return Score(f"macro/{measure.name}", *interval, sum(map(len, values)), unit=measure.unit)


def _estimate(measure: Measure, values: Sequence[float]) -> Interval:
    return intervals.share(int(sum(values)), len(values)) if measure.unit == SHARE else intervals.mean(values)
