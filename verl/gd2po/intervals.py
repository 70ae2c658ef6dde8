"""95 % intervals of shares, means, and sums and differences of them.

- A share: Wilson's score interval, which stays inside [0, 1] and is sound for small counts and for 0 or all correct.
- A mean: Student's t.
- A mean of values of which some belong together (greedy answers to one prompt are equal): the percentile bootstrap over
  these clusters, with a fixed seed.
- A weighted sum of independent estimates (an average over levels, a difference of two models): MOVER, the method of
  variance estimates recovery (Zou and Donner 2008, Statistics in Medicine 27:1693), which needs only their intervals::

      low  = Σ w·v − √ Σ (w·v − least of w·low, w·high)²      high = Σ w·v + √ Σ (w·v − most of w·low, w·high)²

  For the difference of two shares this is Newcombe's hybrid score interval (1998, Statistics in Medicine 17:873,
  method 10).
"""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from gd2po.errors import GD2POError

CONFIDENCE = 0.95

BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED = 2000, 42
"""Bootstrap samples of the clusters, and the seed of their draw."""

_BATCH = 100  # bootstrap samples at once, which bounds the memory


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
    from scipy import stats  # takes half a second, and help pages read this module

    if not 0 <= correct <= count or count == 0:
        raise IntervalError(f"{correct} correct of {count} is no share; expected 0 ≤ correct ≤ count, count > 0")
    ends = stats.binomtest(correct, count).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(correct / count, float(ends.low), float(ends.high))


def mean(values: Sequence[float]) -> Interval:
    """The mean with Student's interval; of equal values the interval is that value.

    Raises:
        IntervalError: fewer than two values.
    """
    from scipy import stats  # takes half a second, and help pages read this module

    if len(values) < 2:
        raise IntervalError(f"{len(values)} values have no spread to judge their mean by; expected two or more")
    middle = math.fsum(values) / len(values)
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * math.sqrt(variance / len(values))
    return Interval(middle, middle - half, middle + half)


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """The mean over all values, with the percentile interval of a bootstrap that draws whole clusters.

    Args:
        values: The value of each unit [n].
        clusters: The cluster of each unit [n]; units of one cluster belong together.

    Raises:
        IntervalError: fewer than two clusters.
    """
    import numpy as np
    from scipy import stats  # takes half a second, and help pages read this module

    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    if len(numbers) < 2:
        raise IntervalError(f"{len(numbers)} clusters have no spread to judge a mean by; expected two or more")
    members = np.array([numbers[cluster] for cluster in clusters])
    sums, counts = np.bincount(members, np.asarray(values, float)), np.bincount(members)
    drawn = stats.bootstrap(
        (sums, counts),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        n_resamples=BOOTSTRAP_RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        paired=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(BOOTSTRAP_SEED),
    )
    ends = drawn.confidence_interval
    return Interval(math.fsum(values) / len(values), float(ends.low), float(ends.high))


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
