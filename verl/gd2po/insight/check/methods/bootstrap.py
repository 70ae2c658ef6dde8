"""95 % intervals: what other prompts of the same kind might have given."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gd2po.insight.check.methods.moments import figures
from gd2po.insight.check.rollouts import Numbers
from gd2po.intervals import Interval

RESAMPLES = 1000
"""The number of bootstrap samples of the groups."""

BLOCKS = 10_000
"""More groups than this are pooled at random into so many blocks, which are resampled instead."""

_SEED = 42
_ENDS = (2.5, 97.5)


class Resampled(NamedTuple):
    """A figure.

    Attributes:
        value: The figure of the rollouts as they are.
        drawn: The figure in each bootstrap sample [RESAMPLES].
    """

    value: float
    drawn: Numbers

    def interval(self) -> Interval:
        """The value with its 95 % interval; without one where no sample has the figure, or all are the same."""
        there = self.drawn[~np.isnan(self.drawn)]
        if len(there) == 0:
            return Interval(self.value, np.nan, np.nan)
        low, high = np.percentile(there, _ENDS)
        return Interval(self.value, float(low), float(high))

    def minus(self, other: "Resampled") -> "Resampled":
        """The difference of two figures, sample by sample."""
        return Resampled(self.value - other.value, self.drawn - other.drawn)


class Bootstrap:
    """Percentile bootstrap over groups: the same draws for every method, so that their figures compare.

    Rollouts are not independent within a group, so whole groups are drawn. The whitening stays as it was. Groups are
    numbered by digests of their ids, so to pool neighbours is to pool at random.
    """

    def __init__(self, groups: int) -> None:
        """
        Args:
            groups: The number of groups, G.
        """
        self._blocks = min(groups, BLOCKS)
        self._starts = np.arange(self._blocks) * groups // self._blocks
        generator = np.random.default_rng(_SEED)
        self._draws = np.stack([self._draw(generator) for _ in range(RESAMPLES)])

    def resample(self, sums: Mapping[str, Numbers]) -> dict[str, Resampled]:
        """Name → figure, from sums over each group [G]; NaN where there is none, and in all samples of a single group.

        Args:
            sums: The result of :func:`gd2po.insight.check.methods.moments.moments`.
        """
        names = list(sums)
        table = np.stack([sums[name] for name in names], axis=1)
        blocks = np.add.reduceat(table, self._starts, axis=0).astype(np.float32)
        resampled = dict(zip(names, (self._draws @ blocks).astype(np.float64).T, strict=True))
        values = figures(dict(zip(names, table.sum(0), strict=True)))
        drawn = figures(resampled)
        if self._blocks < 2:
            drawn = {name: np.full(RESAMPLES, np.nan) for name in drawn}
        return {name: Resampled(float(values[name]), drawn[name]) for name in drawn}

    def _draw(self, generator: np.random.Generator) -> Numbers:
        picked = generator.integers(0, self._blocks, self._blocks)
        return np.bincount(picked, minlength=self._blocks).astype(np.float32)
