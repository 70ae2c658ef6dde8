"""verl's group filter (DAPO) by votes: groups in which no vote lives are evicted and refilled, and each is counted.

verl's replay buffer looks at groups as soon as all their rollouts are scored, evicts some, and has the trainer generate
as many prompts again, or twice as many in the sync mode. With the metric ``gd2po`` a group is evicted if no reward of
non-zero weight has a vote on any of its rollouts, or if the conflict filter masks all rollouts that have one. With any
other metric verl decides, and what it throws away although a vote lives is counted.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch

from gd2po.advantages.votes import SIGN_EPS
from gd2po.hosts.contract import estimate_rollouts
from gd2po.hosts.verl.reading.filter_groups import VOTES, GroupFilterSettings, masks_by_rollout
from gd2po.hosts.verl.reading.run_state import share_state, state_of
from gd2po.hosts.verl.reading.scores import plain_column, read_scores
from gd2po.hosts.verl.step.sessions import Sessions
from gd2po.settings import Settings

logger = logging.getLogger(__name__)

Life = Literal["with_vote", "without_vote", "masked"]
"""Whether a vote lives in a group; where none does, whether there was none or the conflict filter masked all."""

SAY_AT = 10
"""A step without a limit says each time that it has generated so many more batches of prompts."""


class GroupFilter:
    """The group filter of a run: what is known of each group, and what happened in the running step.

    Attributes:
        settings: The settings of verl's group filter.
        weights: Gives the weights of the rewards in the running step.
        lives: Prompt → whether a vote lives in its group.
        evicted: Life → the number of groups that were evicted in this step.
        refilled: The number of prompts that were generated in this step in place of groups that were evicted, for
            whatever reason.
    """

    def __init__(self, settings: GroupFilterSettings, weights: Callable[[], Mapping[str, float]]) -> None:
        self.settings, self.weights = settings, weights
        self.lives: dict[str, Life] = {}
        self.evicted: Counter[Life] = Counter()
        self.refilled = 0

    def evictable(self, finished: Iterable[str], failed: int, running: int) -> set[str]:
        """The groups without a living vote that may be evicted now.

        All of them may without a limit. With one, as many stay as it takes to fill the batch when no more prompts may
        be generated; in the asynchronous modes, whose buffer holds other batches too, those beyond the limit stay.

        Args:
            finished: The prompts whose groups are whole.
            failed: The number of groups that are whole but for rollouts that failed.
            running: The number of prompts that are being generated.
        """
        dead = sorted(uid for uid in finished if self.lives[uid] != "with_vote")
        limit = self.settings.refills
        if limit is None:
            return set(dead)
        left = max(0, limit - self.refilled)
        if self.settings.prompts_per_eviction == 1:
            return set(dead[:left])
        living = sum(self.lives[uid] == "with_vote" for uid in finished) + failed
        needed = max(0, self.settings.batch - living - running - left)
        return set(dead[needed:])

    def refill(self, prompts: int, present: int, generate: Callable[[int], Any]) -> None:
        """Generate prompts in place of evicted groups, within the limit, but never too few for the batch.

        Args:
            prompts: The number of prompts that verl asks for.
            present: The number of groups in the buffer, whole or not.
            generate: verl's function that generates so many prompts.
        """
        limit, batch = self.settings.refills, self.settings.batch
        if limit is not None and self.settings.metric == VOTES and self.settings.prompts_per_eviction > 1:
            prompts = min(prompts, max(limit - self.refilled, batch - present, 0))
        if prompts:
            generate(prompts)
        before, self.refilled = self.refilled, self.refilled + prompts
        if before // (SAY_AT * batch) < self.refilled // (SAY_AT * batch):
            logger.warning(
                "algorithm.filter_groups: this step has generated %d prompts in place of groups that were evicted "
                "(%s), for a batch of %d; set max_num_gen_batches, or look at the rewards",
                self.refilled,
                ", ".join(f"{count} {life}" for life, count in sorted(self.evicted.items())),
                batch,
            )

    def count_evicted(self, uids: Iterable[str]) -> None:
        """Count groups that were evicted."""
        self.evicted.update(self.lives[uid] for uid in uids)

    def end_step(self, trained: Iterable[str], waiting: Iterable[str]) -> dict[str, float]:
        """The metrics of a step at its end; a new step begins.

        Args:
            trained: The prompts of the batch.
            waiting: The prompts whose groups wait for a later step.
        """
        metrics = {f"filter_groups/evicted_{life}": float(self.evicted[life]) for life in _LIVES}
        metrics["filter_groups/refilled"] = float(self.refilled)
        kept = sum(self.lives.get(uid, "with_vote") != "with_vote" for uid in set(trained))
        metrics["filter_groups/kept_without_vote"] = float(kept)
        self.lives = {uid: self.lives[uid] for uid in waiting if uid in self.lives}
        self.evicted, self.refilled = Counter(), 0
        return metrics


_LIVES: tuple[Life, ...] = ("with_vote", "without_vote", "masked")


def wrap_build_replay_buffer(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._build_replay_buffer``: the buffer gets the state of the run, and its refills are counted."""

    def _build_replay_buffer(self: Any) -> Any:
        buffer = original(self)
        settings = GroupFilterSettings.of(self.config)
        if settings is None or getattr(buffer, "filter_groups_metric", None) is None:  # a sampler of the user
            return buffer
        state, generate = state_of(self), buffer.refill_fn
        groups = state.group_filter = GroupFilter(settings, lambda: state.weights.at(self.global_steps))
        share_state(buffer, state)
        buffer.refill_fn = lambda prompts: groups.refill(prompts, _present(buffer), generate)
        return buffer

    return _build_replay_buffer


def wrap_resolve_filter_groups_metric(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._resolve_filter_groups_metric``: without the warning that ``max_num_gen_batches`` is ignored.

    What else it checks, :func:`gd2po.hosts.verl.reading.filter_groups.check_filter_groups` has checked.
    """

    def _resolve_filter_groups_metric(self: Any) -> str | None:
        settings = GroupFilterSettings.of(self.config)
        return VOTES if settings is not None and settings.metric == VOTES else original(self)

    return _resolve_filter_groups_metric


def wrap_dapo_filtered_keys(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``ReplayBuffer._dapo_filtered_keys``: by votes where the metric says so; otherwise verl decides."""

    def _dapo_filtered_keys(self: Any, partition_id: str) -> tuple[set[str], Counter[float]]:
        state = state_of(self)
        groups: GroupFilter = state.group_filter
        if partition_id == "val":
            return original(self, partition_id)
        finished = self.finished_keys[partition_id]
        groups.lives |= _look(self, partition_id, finished - groups.lives.keys(), state.settings, groups.weights())
        if groups.settings.metric != VOTES:
            return original(self, partition_id)
        running = len(self.pending_keys[partition_id]) + len(self.running_keys[partition_id])
        return groups.evictable(finished, len(self.failure_keys[partition_id]), running), Counter()

    return _dapo_filtered_keys


def wrap_evict_terminal_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``ReplayBuffer._evict_terminal_groups``: groups that the group filter evicts are counted by reason."""

    def _evict_terminal_groups(self: Any, global_steps: int, partition_id: str, eviction_reasons: Any) -> Any:
        _, filtered, *_ = eviction_reasons
        state_of(self).group_filter.count_evicted(filtered)
        return original(self, global_steps, partition_id, eviction_reasons)

    return _evict_terminal_groups


def group_metrics(trainer: Any, batch: Any) -> dict[str, float]:
    """The metrics of the group filter at the end of a step; none where it is off.

    Args:
        trainer: verl's PPOTrainer.
        batch: The keys and tags of the step's batch.
    """
    groups: GroupFilter | None = state_of(trainer).group_filter
    if groups is None:
        return {}
    waiting = trainer.replay_buffer.finished_keys["train"]
    return groups.end_step({_prompt(key) for key in batch.keys}, waiting)


def _present(buffer: Any) -> int:
    statuses = (buffer.pending_keys, buffer.running_keys, buffer.finished_keys, buffer.failure_keys)
    return sum(len(keys["train"]) for keys in statuses)


def _look(
    buffer: Any, partition_id: str, uids: set[str], settings: Settings, weights: Mapping[str, float]
) -> dict[str, Life]:
    """Whether a vote lives in each of the groups, whose rollouts are whole; scores come from the TransferQueue.

    Raises:
        RewardError: the reward function failed, or a value is no score.
    """
    import transfer_queue as tq

    if not uids:
        return {}
    tags = {key: tag for key, tag in buffer.partitions[partition_id].items() if _prompt(key) in uids}
    lives: dict[str, Life] = dict.fromkeys(uids, "without_vote")  # an agent loop may give nothing back
    if not tags:
        return lives
    sessions = Sessions.of(list(tags), list(tags.values()))
    keys = [list(tags)[row] for row in sessions.final_rows]
    fetched = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields"])
    infos = [row.get("reward_extra_info", {}) for row in plain_column(fetched["extra_fields"])]
    return lives | living_votes(infos, keys, settings, weights)


def living_votes(
    infos: Iterable[Mapping[str, Any]], keys: list[str], settings: Settings, weights: Mapping[str, float]
) -> dict[str, Life]:
    """Whether a vote lives in each group.

    Args:
        infos: [S] What the reward function and the reward models returned for each rollout.
        keys: [S] The TransferQueue keys of the rollouts, which begin with the prompt.
        settings: The settings of the run.
        weights: The weights of the rewards in the running step.

    Returns:
        Prompt → whether a vote lives in its group.

    Raises:
        RewardError: the reward function failed, or a value is no score.
    """
    # A few groups of a batch of several tasks may lack a reward altogether.
    padded = [dict.fromkeys(settings.rewards) | dict(info) for info in infos]
    scores = read_scores(padded, keys, settings.rewards)
    prompts = [_prompt(key) for key in keys]
    result = estimate_rollouts(settings, scores, prompts, torch.ones(len(keys)), weights)
    votes = torch.stack([weights[name] * values for name, values in result.per_reward.items()])
    voting = (votes.abs() > SIGN_EPS).any(0)
    kept = voting & result.kept if masks_by_rollout(settings) else voting
    voted, alive = ({prompts[row] for row in flags.nonzero().flatten().tolist()} for flags in (voting, kept))
    return {uid: "with_vote" if uid in alive else "masked" if uid in voted else "without_vote" for uid in prompts}


def _prompt(key: str) -> str:
    """The prompt of a TransferQueue key, as verl's replay buffer reads it."""
    return key.partition("_")[0]
