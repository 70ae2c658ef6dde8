"""All that a check measures, as numbers."""

from dataclasses import dataclass

from gd2po.insight.check.methods.runs import MethodResult
from gd2po.insight.check.rollouts import Account
from gd2po.insight.check.statistics.group_votes import GroupVotes
from gd2po.insight.check.statistics.pairs import PairStatistics
from gd2po.insight.check.statistics.parts import Subset
from gd2po.insight.check.statistics.rewards import RewardStatistics


@dataclass(frozen=True)
class Evidence:
    """What was measured.

    Attributes:
        account: The account of the reading.
        rollouts: The number of rollouts, N.
        groups: The number of groups, G.
        singletons: The number of groups of one rollout, whose advantage is always 0.
        largest_group: The number of rollouts in the largest group.
        conflict: The share of the rollouts whose votes have both signs.
        group_votes: The groups that a group filter would evict.
        rewards: The statistics of each reward.
        pairs: The statistics of each pair of rewards.
        sizes: The conflict by group size.
        sources: The conflict by data source.
        methods: The results of GRPO, GDPO, SNR in ascending order of τ, Hard, and every other registered method.
    """

    account: Account
    rollouts: int
    groups: int
    singletons: int
    largest_group: int
    conflict: float
    group_votes: GroupVotes
    rewards: tuple[RewardStatistics, ...]
    pairs: tuple[PairStatistics, ...]
    sizes: tuple[Subset, ...]
    sources: tuple[Subset, ...]
    methods: tuple[MethodResult, ...]

    def method(self, name: str) -> MethodResult:
        """The result of a method."""
        return next(method for method in self.methods if method.name == name)

    @property
    def snr(self) -> tuple[MethodResult, ...]:
        """The SNR filters, in ascending order of τ."""
        return tuple(method for method in self.methods if method.tau is not None)

    @property
    def filters(self) -> tuple[MethodResult, ...]:
        """The conflict filters, each on GDPO."""
        return tuple(method for method in self.methods if method.filters)
