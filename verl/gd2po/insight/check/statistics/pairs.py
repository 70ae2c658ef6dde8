"""Rewards two by two: how they vary together, and how often they contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from gd2po.advantages.votes import opposed
from gd2po.insight.check.rollouts import Codes, Numbers, Rollouts
from gd2po.insight.check.statistics.ranks import RewardRanks, correlation


@dataclass(frozen=True)
class PairStatistics:
    """Two rewards over the rollouts that both scored, with directions applied: −1 is a perfect contradiction.

    Attributes:
        first, second: The names of the two rewards, in alphabetical order.
        conflict: The share of the rollouts on which their votes have opposite signs.
        pearson, spearman: The correlations over all rollouts; None if one of the two does not vary.
        pearson_within: The correlation of the group-normalised scores, over groups in which both vary.
        spearman_within: The correlation of the ranks within those groups.
    """

    first: str
    second: str
    conflict: float
    pearson: float | None
    spearman: float | None
    pearson_within: float | None
    spearman_within: float | None


def compare_rewards(
    rollouts: Rollouts,
    normalised: Mapping[str, Numbers],
    votes: Mapping[str, Numbers],
) -> tuple[PairStatistics, ...]:
    """Statistics of all pairs of rewards.

    Args:
        rollouts: The N rollouts.
        normalised: Reward → its group-relative advantages [N], direction applied.
        votes: Reward → its weighted group-relative advantages [N].
    """
    scores = zip(rollouts.names, rollouts.scores, strict=True)
    ranks = {name: RewardRanks(rollouts.groups, values) for name, values in scores}
    pairs = combinations(sorted(rollouts.names), 2)
    return tuple(_compare(rollouts, pair, normalised, ranks, votes) for pair in pairs)


def _compare(
    rollouts: Rollouts,
    pair: tuple[str, str],
    normalised: Mapping[str, Numbers],
    ranks: Mapping[str, RewardRanks],
    votes: Mapping[str, Numbers],
) -> PairStatistics:
    both = ranks[pair[0]].scored & ranks[pair[1]].scored
    first, second = (ranks[name].restricted(both) for name in pair)
    advantages = [normalised[name] for name in pair]
    varied = both & _varied(rollouts.groups, advantages[0]) & _varied(rollouts.groups, advantages[1])
    opposite = opposed(*(torch.from_numpy(votes[name]) for name in pair))
    sign = -1.0 if rollouts.directions[pair[0]] != rollouts.directions[pair[1]] else 1.0
    scores = [rollouts.scores[rollouts.names.index(name)][both] for name in pair]
    return PairStatistics(
        first=pair[0],
        second=pair[1],
        conflict=float(opposite[both].double().mean()) if both.any() else 0.0,
        pearson=_signed(sign, correlation(*map(_centred, scores))),
        spearman=_signed(sign, correlation(first.overall, second.overall)),
        pearson_within=correlation(*(values[varied].astype(np.float64) for values in advantages)),
        spearman_within=_signed(sign, correlation(first.within[varied[both]], second.within[varied[both]])),
    )


def _signed(sign: float, value: float | None) -> float | None:
    return None if value is None else sign * value


def _centred(values: Numbers) -> Numbers:
    """Values less their mean; all 0 if they are equal, whatever rounding says."""
    if not len(values) or values.min() == values.max():
        return np.zeros_like(values)
    return values - values.mean()


def _varied(groups: Codes, normalised: Numbers) -> np.ndarray:
    """Rollouts of groups that do not tie [N] bool."""
    return (np.bincount(groups, normalised != 0) > 0)[groups]
