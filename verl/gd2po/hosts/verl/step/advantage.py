"""The estimator call inside verl's trainer: named rewards in, advantages, metrics and records out."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gd2po.advantages import RolloutAdvantages
from gd2po.advantages.metrics import watch_metrics
from gd2po.hosts.contract import estimate_rollouts, weight_metrics
from gd2po.hosts.verl.reading.names import is_colocated
from gd2po.hosts.verl.reading.run_settings import caution_about_scores
from gd2po.hosts.verl.reading.run_state import BatchAdvantages, RunState, caller, calling, state_of
from gd2po.hosts.verl.reading.scores import plain_column, read_scores, read_watched
from gd2po.hosts.verl.reward_models.service import service_metrics
from gd2po.hosts.verl.step.first_step import started_state
from gd2po.hosts.verl.step.records import keep_records
from gd2po.hosts.verl.step.sessions import Sessions
from gd2po.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredRollouts:
    """The S rollouts of a batch and what the rewards said of each.

    Attributes:
        sessions: Which rows of the batch belong to which rollout.
        keys: [S] TransferQueue key of each rollout's last output.
        infos: [S] what the reward function and the reward models returned for each rollout.
    """

    sessions: Sessions
    keys: list[str]
    infos: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """The arguments of the running ``PPOTrainer._compute_advantage``.

    Attributes:
        trainer: verl's PPOTrainer.
        batch: The keys and tags of the batch.
        metrics: The metrics of the step, to be extended.
        scored: The scores on their way from the TransferQueue; None where they are fetched when they are needed.
    """

    trainer: Any
    batch: Any
    metrics: dict[str, Any]
    scored: "Future[ScoredRollouts] | None" = None


def wrap_compute_advantage(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._compute_advantage``: the call inside it finds the trainer, the batch and the metrics.

    Named rewards are fetched while verl fetches its own fields: one wait instead of two.
    """

    def _compute_advantage(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        state = started_state(self)
        with ThreadPoolExecutor(1) as executor, calling(self):
            known = state.advantages_of(batch.keys) is not None
            scored = None if known else executor.submit(_fetch, self, batch, state.settings)
            state.step = Step(self, batch, metrics, scored)
            try:
                return original(self, batch, metrics)
            finally:
                state.step = None

    return _compute_advantage


def wrap_compute_advantage_for_multi_trajectories(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the estimator call. For ``grpo`` verl's own result stays, bit for bit; only metrics are added."""

    def compute_advantage_for_multi_trajectories(data: Any, *args: Any, **kwargs: Any) -> Any:
        state = state_of(caller())
        step: Step = state.step
        if (known := state.advantages_of(step.batch.keys)) is None:
            uids, tokens = data.non_tensor_batch["uid"], data.batch["response_mask"].sum(1)
            known = estimate(step, state, uids, tokens)
        rows = known.advantages
        if state.settings.estimator == "grpo":
            return original(data, *args, **kwargs)
        return with_advantages(data, rows)

    return compute_advantage_for_multi_trajectories


def with_advantages(data: Any, rows: Tensor) -> Any:
    """Give verl's batch the advantages of its tokens.

    Args:
        data: verl's DataProto of N rows.
        rows: [N] The advantage of each row.
    """
    mask = data.batch["response_mask"]
    # One new [N, T]: the product of a float and an int64 tensor would cost several times as much.
    advantages = mask.to(rows.dtype, copy=True).mul_(rows.to(mask.device).unsqueeze(1))
    data.batch["advantages"] = data.batch["returns"] = advantages
    return data


def estimate(step: Step, state: RunState, uids: Sequence[str], tokens: Tensor) -> BatchAdvantages:
    """Advantages of the N rows of a batch, 0 for padding; writes metrics and records, and keeps the result.

    Args:
        step: The trainer, the batch and the metrics.
        state: The state of the run.
        uids: [N] prompt of each row.
        tokens: [N] number of response tokens of each row.
    """
    scored = step.scored.result() if step.scored else _fetch(step.trainer, step.batch, state.settings)
    sessions, prompts = scored.sessions, [uids[row] for row in scored.sessions.final_rows]
    result = estimate_scored(
        step.trainer, scored.infos, scored.keys, prompts, sessions.token_counts(tokens), step.metrics
    )
    rows = sessions.to_rows(result.rollout_advantages)
    state.batch_advantages = BatchAdvantages(list(step.batch.keys), rows)
    return state.batch_advantages


def estimate_scored(
    trainer: Any,
    infos: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    prompts: Sequence[str],
    tokens: Tensor,
    metrics: dict[str, Any],
) -> RolloutAdvantages:
    """Advantages of the S rollouts of a step, with their records and metrics.

    Args:
        trainer: verl's trainer, of either kind.
        infos: [S] What the reward function and the reward models returned for each rollout.
        keys: [S] The name of each rollout, ``{prompt}_{session}_{output}``.
        prompts: [S] The prompt of each rollout.
        tokens: [S] The number of response tokens of each rollout.
        metrics: The metrics of the step, to be extended.

    Raises:
        RewardError: a reward worker met an error, or a value is no score.
    """
    state = state_of(trainer)
    settings = state.settings
    scores = read_scores(infos, keys, settings.rewards)
    watched = read_watched(infos, keys, settings.watch)
    if caution := caution_about_scores(trainer.config, settings, scores):
        _say_once(caution)
    number = trainer.global_steps if state.weights.move else 1
    weights = state.weights.at(number)
    result = estimate_rollouts(settings, scores, prompts, tokens, weights)
    moved = weight_metrics(state.weights, number, weights, scores)
    metrics.update(result.metrics | watch_metrics(watched) | service_metrics(infos) | moved)
    keep_records(trainer, keys, scores, result, watched, weights if state.weights.move else {})
    return result


@functools.cache
def _say_once(caution: str) -> None:
    logger.warning(caution)


def _fetch(trainer: Any, batch: Any, settings: Settings) -> ScoredRollouts:
    """Beside verl's own colocated reward model each value is a field of its own."""
    import transfer_queue as tq

    sessions = Sessions.of(batch.keys, batch.tags)
    keys = [batch.keys[row] for row in sessions.final_rows]
    colocated = trainer.reward_loop_manager.reward_loop_worker_handles is None and not is_colocated(settings)
    fields = [*settings.rewards, *settings.watch] if colocated else ["extra_fields"]
    fetched = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=fields)
    columns = [plain_column(fetched[name]) for name in fields]
    if colocated:
        infos = [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)]
        return ScoredRollouts(sessions, keys, infos)
    return ScoredRollouts(sessions, keys, [row.get("reward_extra_info", {}) for row in columns[0]])
