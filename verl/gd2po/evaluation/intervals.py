"""95 % intervals of shares, means, and sums and differences of them.

- A share: Wilson's score interval, which stays inside [0, 1] and is sound for small counts and for 0 or all correct.
- A mean: Student's t.
- A weighted sum of independent estimates (an average over levels, a difference of two models): MOVER, the method of
  variance estimates recovery (Zou and Donner 2008, Statistics in Medicine 27:1693), which needs only their intervals::

      low  = Σ w·v − √ Σ (w·v − least of w·low, w·high)²      high = Σ w·v + √ Σ (w·v − most of w·low, w·high)²

  For the difference of two shares this is Newcombe's hybrid score interval (1998, Statistics in Medicine 17:873,
  method 10).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from gd2po.errors import GD2POError

CONFIDENCE = 0.95


class IntervalError(GD2POError, ValueError):
    """Too few numbers for an interval."""


class Interval(NamedTuple):
    """An estimate with the ends of its interval."""

    value: float
    low: float
    high: float


def share(correct: int, count: int) -> Interval:
    """``correct / count`` with Wilson's interval.

    Raises:
        IntervalError: not 0 ≤ correct ≤ count, or nothing was counted.
    """
    if not 0 <= correct <= count or count == 0:
        raise IntervalError(f"{correct} correct of {count} is no share; expected 0 ≤ correct ≤ count, count > 0")
    ends = stats.binomtest(correct, count).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(correct / count, float(ends.low), float(ends.high))


def mean(values: Sequence[float]) -> Interval:
    """The mean with Student's interval; of equal values the interval is that value.

    Raises:
        IntervalError: fewer than two values.
    """
    if len(values) < 2:
        raise IntervalError(f"{len(values)} values have no spread to judge their mean by; expected two or more")
    middle = math.fsum(values) / len(values)
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * math.sqrt(variance / len(values))
    return Interval(middle, middle - half, middle + half)


def weighted_sum(weights: Sequence[float], estimates: Sequence[Interval]) -> Interval:
    """``Σ w·value`` of independent estimates with its MOVER interval."""
    value, below, above = 0.0, 0.0, 0.0
    for weight, estimate in zip(weights, estimates, strict=True):
        ends = (weight * estimate.low, weight * estimate.high)
        value += weight * estimate.value
        below += (weight * estimate.value - min(ends)) ** 2
        above += (weight * estimate.value - max(ends)) ** 2
    return Interval(value, value - math.sqrt(below), value + math.sqrt(above))


def average(estimates: Sequence[Interval]) -> Interval:
    """The unweighted average of independent estimates (a macro average)."""
    return weighted_sum([1 / len(estimates)] * len(estimates), estimates)


def difference(first: Interval, second: Interval) -> Interval:
    """``first − second`` of two independent estimates."""
    return weighted_sum([1.0, -1.0], [first, second])
