"""Ties and ranks of scores within groups and over all rollouts."""

from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from gd2po.insight.check.rollouts import Codes, Numbers


def tied_pairs(groups: Codes, scores: Numbers) -> float:
    """Share of the pairs of rollouts of a group that have equal scores; 0 without pairs.

    Args:
        groups: The group of each rollout [n].
        scores: One reward's scores [n].
    """
    pairs, tied = (float((counts * (counts - 1)).sum()) for counts in map(_counts, (groups, _keys(groups, scores))))
    return tied / pairs if pairs else 0.0


def centred_ranks(groups: Codes, scores: Numbers) -> Numbers:
    """Rank of each score within its group, less the group's mean rank [n]; equal scores share one.

    Args:
        groups: The group of each rollout [n].
        scores: One reward's scores [n].
    """
    ranks = rankdata(_keys(groups, scores))  # one ranking is enough: a group's ranks are consecutive
    means = np.bincount(groups, ranks) / np.maximum(np.bincount(groups), 1)
    return ranks - means[groups]


class RewardRanks:
    """The centred ranks of one reward's scores over the rollouts that it scored.

    Attributes:
        scored: The rollouts that have a score [N] bool.
    """

    def __init__(self, groups: Codes, scores: Numbers) -> None:
        """
        Args:
            groups: The group of each rollout [N].
            scores: The scores [N], NaN where not scored.
        """
        self._groups, self._scores = groups, scores
        self.scored = ~np.isnan(scores)

    @cached_property
    def within(self) -> Numbers:
        """Centred ranks within groups [n]."""
        return centred_ranks(self._groups[self.scored], self._scores[self.scored])

    @cached_property
    def overall(self) -> Numbers:
        """Centred ranks over all scored rollouts [n]."""
        return centred_ranks(np.zeros(int(self.scored.sum()), dtype=np.int64), self._scores[self.scored])

    def restricted(self, rows: np.ndarray) -> "RewardRanks":
        """The ranks over these scored rollouts [N] bool only; itself if they are all."""
        if np.array_equal(rows, self.scored):
            return self
        return RewardRanks(self._groups, np.where(rows, self._scores, np.nan))


def correlation(first: Numbers, second: Numbers) -> float | None:
    """Pearson's correlation of values that are centred already; None where one of them does not vary."""
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(np.clip(float(first @ second) / size, -1, 1)) if size > 0 else None


def _keys(groups: Codes, scores: Numbers) -> Codes:
    """Numbers that sort by group and then by score, equal where both are [n]."""
    distinct, places = np.unique(scores, return_inverse=True)
    return groups * max(len(distinct), 1) + places


def _counts(keys: Codes) -> Codes:
    return np.unique(keys, return_counts=True)[1]
