"""verl's group filter (``algorithm.filter_groups``, DAPO), and what it means for a run with several rewards.

verl keeps or evicts a group by one number: by its reward function's total, or by one entry of what it returned. Where
each reward is normalised by itself, a group whose rollouts tie on that number may still have votes. The metric
:data:`VOTES` keeps a group as long as any vote in it lives.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from omegaconf import DictConfig

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.kinds import check_block
from gd2po.hosts.verl.reading.names import scores_after_rollouts
from gd2po.settings import Settings

VOTES = "gd2po"
"""The value of ``algorithm.filter_groups.metric`` that stands for the votes of all rewards."""

_BY_SIGN = ("none", "hard", "soft")
"""Conflict filters whose mask depends on the signs of a rollout's votes alone, which are known early."""

_WITHIN_GROUPS = ("group_std", "group_mean", "leave_one_out")
"""Normalisers that look at one group at a time."""

_KEY = "algorithm.filter_groups"


@dataclass(frozen=True)
class GroupFilterSettings:
    """The settings of verl's group filter, where it is enabled.

    Attributes:
        metric: The number that verl compares within a group, or :data:`VOTES`.
        batch: The number of prompts of a step, ``data.train_batch_size``.
        batches: The largest number of batches of prompts that a step may generate; None without a limit. verl's V1
            trainer keeps to it with :data:`VOTES` only.
        prompts_per_eviction: The number of prompts that verl generates for each group that it evicts.
    """

    metric: str
    batch: int
    batches: int | None
    prompts_per_eviction: int

    @classmethod
    def of(cls, config: DictConfig) -> "GroupFilterSettings | None":
        """Read them from verl's configuration; None where the filter is off."""
        block = config.algorithm.get("filter_groups") or {}
        if block:
            check_block(config, _KEY)
        if not block.get("enable", False):
            return None
        limit = block.get("max_num_gen_batches") or 0
        return cls(
            metric=str(block.get("metric")),
            batch=config.data.train_batch_size,
            batches=limit if limit > 0 else None,
            prompts_per_eviction=2 if config.trainer.v1.trainer_mode == "sync" else 1,
        )

    @property
    def refills(self) -> int | None:
        """The largest number of prompts that a step may generate in place of evicted groups; None without a limit."""
        return None if self.batches is None else (self.batches - 1) * self.batch


def masks_by_rollout(settings: Settings) -> bool:
    """Whether the mask of a rollout is known before the batch is whole."""
    if settings.filter is None:
        return False
    by_size = settings.filter.kind == "snr" and settings.normalise.kind in _WITHIN_GROUPS
    return by_size or settings.filter.kind in _BY_SIGN


def check_filter_groups(config: DictConfig, settings: Settings) -> None:
    """Refuse a group filter that cannot work.

    Raises:
        SettingsError: with the remedy.
    """
    groups = GroupFilterSettings.of(config)
    if groups is None:
        return
    if scores_after_rollouts(config, settings):
        raise SettingsError(
            f"{_KEY}.enable is true, but a reward model is colocated and scores after verl has chosen the groups; give "
            f"it placement: own_gpus or server (reward.reward_model.enable_resource_pool=true for verl's own), or set "
            f"{_KEY}.enable=false"
        )
    if groups.metric != VOTES:
        return
    if settings.estimator == "grpo":
        raise SettingsError(
            f"{_KEY}.metric is {VOTES}, which looks at the votes of single rewards, but grpo sees their sum alone; set "
            f"{_KEY}.metric=reward, or algorithm.adv_estimator to gdpo or gd2po"
        )
    if settings.normalise.kind == "batch":
        raise SettingsError(
            f"{_KEY}.metric is {VOTES}, but the normaliser batch gives votes to groups whose rollouts tie, which are "
            f"not known before the batch is whole; choose another normaliser, or set {_KEY}.enable=false"
        )
    sampler = config.trainer.v1.sampler.get("custom_sampler")
    if sampler and sampler.get("path") and sampler.get("name"):
        raise SettingsError(
            f"{_KEY}.metric is {VOTES}, which works with verl's own samplers, but trainer.v1.sampler.custom_sampler is "
            f"{sampler.name}, which chooses groups by itself; remove it, or set {_KEY}.enable=false"
        )
    if groups.batches == 1:
        raise SettingsError(
            f"{_KEY}.max_num_gen_batches is 1, which is the batch of the step itself, so that no group could be "
            "refilled; set 2 or more, or 0 for no limit"
        )


def cautions_about_groups(config: DictConfig, settings: Settings) -> Iterator[str]:
    """What a group filter would throw away, or do without an end."""
    groups = GroupFilterSettings.of(config)
    if groups is None or settings.estimator == "grpo":
        return
    voting = settings.voting
    if groups.metric != VOTES:
        if len(voting) > 1:
            yield (
                f"{_KEY}.metric={groups.metric} is one number: verl throws away each group whose rollouts tie on it, "
                f"although another of the rewards {', '.join(voting)} may tell them apart, and keeps groups that the "
                f"filter of conflicts empties. {_KEY}.metric={VOTES} keeps a group while any vote in it lives. "
                "`gd2po check` counts such groups beforehand, filter_groups/evicted_with_vote during the run"
            )
        return
    if groups.batches is None:
        yield (
            f"{_KEY}.max_num_gen_batches is 0, so a step in which no group has a vote generates prompts without end; "
            "a number such as 4 ends it with the groups that are there"
        )
    if settings.filter and not masks_by_rollout(settings):
        yield (
            f"{_KEY}.metric={VOTES}: filter {settings.filter.kind} may look at the whole batch, which is not there "
            "when groups are chosen, so groups that it empties are not refilled; groups without a vote are"
        )
