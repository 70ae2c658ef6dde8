"""Paired differences between methods: intervals, p values, and the correction for the number of comparisons."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gd2po.intervals import Interval

Numbers = NDArray[np.float64]

RESAMPLES = 2000
"""The number of bootstrap samples of the seeds, or of the worlds."""

SIGNIFICANT = 0.05
"""The family-wise error of the comparisons that are called clear."""

RELEVANT = 0.001
"""A smaller mean difference counts as level, however certain it is."""

_SEED = 42
_ENDS = (2.5, 97.5)


class Difference(NamedTuple):
    """A paired difference between two methods.

    Attributes:
        interval: The mean difference with its 95 % interval.
        p: The two-sided p value of the paired t test; 1 where all pairs are equal.
    """

    interval: Interval
    p: float


def paired(values: Numbers, reference: Numbers, interval_of: Callable[[Numbers], Interval] | None = None) -> Difference:
    """Compare two methods on the same seeds [S]; by default with the bootstrap's interval."""
    differences = values - reference
    interval = (interval_of or mean_interval)(differences)
    if np.ptp(differences) <= 1e-12:
        return Difference(interval, 1.0 if abs(differences[0]) <= 1e-12 else 0.0)
    return Difference(interval, float(stats.ttest_1samp(differences, 0.0).pvalue))


def mean_interval(values: Numbers) -> Interval:
    """The mean of values [n] with its 95 % interval, by the percentile bootstrap with a fixed seed."""
    draws = np.random.default_rng(_SEED).multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES)
    low, high = np.percentile(draws @ values / len(values), _ENDS)
    return Interval(float(values.mean()), float(low), float(high))


def student_interval(*samples: Numbers) -> Interval:
    """The mean of the means of independent samples with its 95 % interval, by Student's t with Welch's freedom.

    It serves samples of a few seeds, for which a bootstrap's interval is too narrow. With one sample it is the usual
    interval of a mean.
    """
    value = float(np.mean([sample.mean() for sample in samples]))
    parts = np.asarray([sample.var(ddof=1) / len(sample) for sample in samples]) / len(samples) ** 2
    if not parts.sum():
        return Interval(value, value, value)
    freedom = parts.sum() ** 2 / sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, samples, strict=True))
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    return Interval(value, value - half, value + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted by Holm's method (1979), which bounds the chance of one false claim among all of them."""
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    result = np.empty(len(p_values))
    result[order] = adjusted
    return result.tolist()


def area_under_curve(values: Numbers, steps: Sequence[int]) -> Numbers:
    """The mean over the steps of values [evaluations, …], by trapezoids."""
    return np.asarray(np.trapezoid(values, steps, axis=0)) / (steps[-1] - steps[0])


def hypervolume(points: Numbers) -> float:
    """The volume that points [n, K] in [0, 1] dominate, seen from the origin; for K of two or three."""
    if points.shape[1] == 2:
        return _area(points)
    heights = np.unique(np.append(points[:, 2], 0.0))
    slabs = pairwise(heights)
    return float(sum((high - low) * _area(points[points[:, 2] >= high, :2]) for low, high in slabs))


def _area(points: Numbers) -> float:
    ordered = points[np.argsort(-points[:, 0])]
    highest = np.maximum.accumulate(ordered[:, 1])
    gained = np.diff(highest, prepend=0.0)
    return float((ordered[:, 0] * gained).sum())
