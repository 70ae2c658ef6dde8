"""Which groups a filter of whole groups (DAPO) would evict: by the sum of the rewards, and by their votes."""

from dataclasses import dataclass

import numpy as np

from gd2po.advantages.votes import SIGN_EPS
from gd2po.insight.check.rollouts import Numbers, Rollouts


@dataclass(frozen=True)
class GroupVotes:
    """Groups that a group filter would evict.

    Attributes:
        without_vote: The number of groups in which no reward of non-zero weight has a vote.
        same_sum: The number of groups that a filter on the weighted sum of the rewards would evict, although a reward
            has a vote in them: the sums of all their rollouts are equal float32 numbers, as verl compares them.
    """

    without_vote: int
    same_sum: int


def count_groups(rollouts: Rollouts, votes: Numbers) -> GroupVotes:
    """Count the groups.

    Args:
        rollouts: The N rollouts.
        votes: The weighted group-relative advantages of each reward [K, N].
    """
    voting = (np.abs(votes) > SIGN_EPS).any(0)
    voted = np.bincount(rollouts.groups, voting) > 0
    signs = np.array([[-1.0 if rollouts.directions[name] == "minimize" else 1.0] for name in rollouts.names])
    sums = (signs * rollouts.row_weights * np.nan_to_num(rollouts.scores)).sum(0).astype(np.float32)
    starts = np.flatnonzero(np.diff(rollouts.groups, prepend=-1))
    tied = np.maximum.reduceat(sums, starts) == np.minimum.reduceat(sums, starts)
    return GroupVotes(int(np.sum(~voted)), int(np.sum(voted & tied)))
