"""Sentences on the data: one for each rule that applies, with the numbers that made it apply."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gd2po.intervals import Interval

Level = Literal["good", "note", "caution", "bad"]


@dataclass(frozen=True)
class VerdictFinding:
    """What a rule says of these rollouts.

    Attributes:
        rule: The short name of the rule, see ``docs/check.md``.
        level: How much the finding matters.
        text: A sentence with facts of these rollouts.
    """

    rule: str
    level: Level
    text: str


def percent(share: float) -> str:
    """A share as a percentage, to a tenth below 10 %, and never rounded to nothing or to everything."""
    if math.isnan(share):
        return "–"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.1%}".replace(".0%", "%") if share < 0.1 else f"{share:.0%}"


def with_interval(share: Interval) -> str:
    """A share with its 95 % interval, where it has one."""
    if math.isnan(share.low) or share.low == share.high:
        return percent(share.value)
    return f"{percent(share.value)} ({100 * share.low:.0f}–{100 * share.high:.0f})"


def with_loss(share: Interval) -> str:
    """A share of the summed gain with its 95 % interval, to a tenth of a per cent; below 0 where nothing is lost."""
    return _from_to(share, lambda value: f"{100 * value:.1f}", "%")


def with_gain(gain: Interval) -> str:
    """A gain with its 95 % interval, where it has one."""
    return _from_to(gain, lambda value: f"{value:+.2f}")


def _from_to(figure: Interval, shown: Callable[[float], str], unit: str = "") -> str:
    if math.isnan(figure.value):
        return "–"
    text = f"{shown(figure.value)}{unit}"
    if not math.isnan(figure.low) and figure.low != figure.high:
        text += f" ({shown(figure.low)} to {shown(figure.high)})"
    return text.replace("-", "−")


def decimal(value: float) -> str:
    """A cosine to three places: the limits are that fine."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def listed(names: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
