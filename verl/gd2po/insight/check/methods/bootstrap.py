"""95 % intervals: what other prompts of the same kind might have given."""

from collections.abc import Mapping

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

    def intervals(self, sums: Mapping[str, Numbers]) -> dict[str, Interval]:
        """Name → figure with its interval, from sums over each group [G]; NaN where there is none.

        Args:
            sums: The result of :func:`gd2po.insight.check.methods.moments.moments`.
        """
        names = list(sums)
        table = np.stack([sums[name] for name in names], axis=1)
        blocks = np.add.reduceat(table, self._starts, axis=0).astype(np.float32)
        resampled = dict(zip(names, (self._draws @ blocks).astype(np.float64).T, strict=True))
        values = figures(dict(zip(names, table.sum(0), strict=True)))
        return {name: self._interval(float(values[name]), drawn) for name, drawn in figures(resampled).items()}

    def _draw(self, generator: np.random.Generator) -> Numbers:
        picked = generator.integers(0, self._blocks, self._blocks)
        return np.bincount(picked, minlength=self._blocks).astype(np.float32)

    def _interval(self, value: float, resampled: Numbers) -> Interval:
        there = resampled[~np.isnan(resampled)]
        if self._blocks < 2 or not len(there):
            return Interval(value, np.nan, np.nan)
        low, high = np.percentile(there, _ENDS)
        return Interval(value, float(low), float(high))
