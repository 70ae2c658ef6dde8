"""Each reward by itself: its range, its ties, and whether its scores look as if they were computed in bfloat16."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gd2po.insight.check.rollouts import Numbers, Rollouts
from gd2po.insight.check.statistics.ranks import tied_pairs

BF16_DIGITS = 8
"""Binary digits of a bfloat16 number, the leading one included."""

PLAIN_GRID = 0.25
"""Scores that are all multiples of this, such as 0, 1 and 0.5, say nothing about their precision."""

DISTINCT_AT_LEAST = 3


@dataclass(frozen=True)
class RewardStatistics:
    """One reward over all rollouts.

    Attributes:
        name, weight, direction: The name, weight and direction as given; of a weight that moved, that of the last step.
        weights: The least and the greatest weight over the rollouts.
        low, high, mean, std: The range, mean and unbiased standard deviation of the raw scores.
        missing: The number of rollouts that it did not score.
        distinct: The number of different scores.
        ties: The share of the pairs of rollouts of a group with equal scores.
        groups: The number of groups in which it scored two rollouts or more.
        dead_groups: The number of those groups that tie on it, as :mod:`gd2po.advantages.normalisation` says.
        signal: The share of all groups in which it tells rollouts apart.
        bf16_step: The result of :func:`bf16_step`.
    """

    name: str
    weight: float
    weights: tuple[float, float]
    direction: str
    low: float
    high: float
    mean: float
    std: float
    missing: int
    distinct: int
    ties: float
    groups: int
    dead_groups: int
    signal: float
    bf16_step: float | None

    @property
    def votes(self) -> bool:
        """Whether the reward has a weight other than 0 for some rollout."""
        return self.weights != (0, 0)

    @property
    def strongest_weight(self) -> float:
        """The weight of largest size over the rollouts."""
        return max(self.weights, key=abs)


def describe_rewards(rollouts: Rollouts, metrics: Mapping[str, float]) -> tuple[RewardStatistics, ...]:
    """Statistics of all rewards.

    Args:
        rollouts: The N rollouts.
        metrics: The metrics of :mod:`gd2po.advantages.metrics`, of any estimator.
    """
    return tuple(_describe(rollouts, name, metrics) for name in rollouts.names)


def _describe(rollouts: Rollouts, name: str, metrics: Mapping[str, float]) -> RewardStatistics:
    place = rollouts.names.index(name)
    scores, weights = rollouts.scores[place], rollouts.row_weights[place]
    groups, scores = rollouts.groups[~np.isnan(scores)], scores[~np.isnan(scores)]
    distinct = np.unique(scores)
    several = int((np.bincount(groups) >= 2).sum())
    dead = int(metrics[f"adv/{name}/zero_spread_groups"])
    return RewardStatistics(
        name=name,
        weight=rollouts.weights[name],
        weights=(float(weights.min()), float(weights.max())),
        direction=rollouts.directions[name],
        low=metrics[f"reward/{name}/min"],
        high=metrics[f"reward/{name}/max"],
        mean=metrics[f"reward/{name}/mean"],
        std=metrics[f"reward/{name}/std"],
        missing=int(metrics[f"reward/{name}/missing"]),
        distinct=len(distinct),
        ties=tied_pairs(groups, scores),
        groups=several,
        dead_groups=dead,
        signal=(several - dead) / rollouts.group_count,
        bf16_step=bf16_step(distinct),
    )


def bf16_step(distinct: Numbers) -> float | None:
    """Distance of neighbouring bfloat16 numbers at the largest score, if the scores look like such numbers.

    They do if each has no more than 8 binary digits, not all are multiples of 1/4, and their common grid is at least as
    fine as bfloat16 is at the largest of them: scores such as k/16 below 1 are on a coarser grid of their own.

    Args:
        distinct: The different scores [n].
    """
    nonzero = distinct[distinct != 0]
    if len(distinct) < DISTINCT_AT_LEAST or not len(nonzero) or not (nonzero % PLAIN_GRID).any():
        return None
    mantissa, exponent = np.frexp(nonzero)
    digits = mantissa * 2.0**BF16_DIGITS
    if (digits != np.floor(digits)).any():
        return None
    step = float(2.0 ** (int(exponent.max()) - BF16_DIGITS))
    return step if ((nonzero / step) % 2).any() else None
