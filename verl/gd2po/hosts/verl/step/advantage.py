"""The estimator call inside verl's trainer: named rewards in, advantages, metrics and records out."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from gd2po.advantages import compute_rollout_advantages
from gd2po.hosts.verl.lifecycle.startup import save_settings
from gd2po.hosts.verl.reading.names import is_colocated
from gd2po.hosts.verl.reading.run_settings import caution_about_scores, settings_of
from gd2po.hosts.verl.reading.scores import plain_column, read_scores
from gd2po.hosts.verl.reward_models.service import service_metrics
from gd2po.hosts.verl.step import heap
from gd2po.hosts.verl.step.records import keep_records
from gd2po.hosts.verl.step.run_state import Estimated, estimated_of, keep
from gd2po.hosts.verl.step.sessions import Sessions
from gd2po.rewards.composition import apply_gates
from gd2po.runs.files import record_start
from gd2po.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """The S rollouts of a batch and what the rewards said of each.

    Attributes:
        sessions: rows of the batch to rollouts.
        keys: [S] TransferQueue key of each rollout's last output.
        infos: [S] what the reward function and the models gave for it.
    """

    sessions: Sessions
    keys: list[str]
    infos: list[Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """The arguments of the running ``PPOTrainer._compute_advantage``.

    Attributes:
        trainer, batch, metrics: the arguments.
        scored: on its way from the TransferQueue; None: to be fetched when it is needed.
    """

    trainer: Any
    batch: Any
    metrics: dict[str, Any]
    scored: "Future[Scored] | None" = None


_step: ContextVar[Step] = ContextVar("gd2po_step")


def remember_step(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._compute_advantage``: the call inside it finds the trainer, the batch and the metrics.

    Named rewards are fetched while verl fetches its own fields: one wait instead of two.
    """

    @functools.wraps(original)
    def _compute_advantage(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        step, settings = Step(self, batch, metrics), settings_of_run(self)
        if settings is None:
            return original(self, batch, metrics)
        with ThreadPoolExecutor(1) as beside:
            if estimated_of(self, batch.keys) is None:
                step = replace(step, scored=beside.submit(_fetch, step, settings))
            token = _step.set(step)
            try:
                return original(self, batch, metrics)
            finally:
                _step.reset(token)

    return _compute_advantage


def with_named_rewards(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the estimator call. For ``grpo`` verl's own result stays, bit for bit; only metrics are added."""

    @functools.wraps(original)
    def compute_advantage_for_multi_trajectories(data: Any, *args: Any, **kwargs: Any) -> Any:
        step = _step.get(None)
        settings = settings_of_run(step.trainer) if step else None
        if step is None or settings is None:
            return original(data, *args, **kwargs)
        if (estimated := estimated_of(step.trainer, step.batch.keys)) is None:
            uids, tokens = data.non_tensor_batch["uid"], data.batch["response_mask"].sum(1)
            estimated = estimate(step, settings, uids, tokens)
        rows = estimated.advantages
        if settings.estimator == "grpo":
            return original(data, *args, **kwargs)
        mask = data.batch["response_mask"]
        # One new [N, T]: the product of a float and an int64 tensor would cost several times as much.
        advantages = mask.to(rows.dtype, copy=True).mul_(rows.to(mask.device).unsqueeze(1))
        data.batch["advantages"] = data.batch["returns"] = advantages
        return data

    return compute_advantage_for_multi_trajectories


def running_step() -> Step | None:
    """The call of ``_compute_advantage`` that we are in, if any."""
    return _step.get(None)


def settings_of_run(trainer: Any) -> Settings | None:
    """Read once per run, at its first step, and saved with it."""
    if "_gd2po_settings" not in trainer.__dict__:
        trainer._gd2po_settings = settings_of(trainer.config)
        if trainer._gd2po_settings is not None:
            save_settings(trainer.config, trainer._gd2po_settings)
            record_start(trainer)
            heap.settle()
    return trainer._gd2po_settings


def estimate(step: Step, settings: Settings, uids: Sequence[str], tokens: Tensor) -> Estimated:
    """Advantages of the N rows of a batch, 0 for padding; writes metrics and records, and keeps what it found.

    Args:
        step: trainer, batch and metrics.
        settings: of the run.
        uids: [N] prompt of each row.
        tokens: [N] response tokens of each row.
    """
    scored = step.scored.result() if step.scored else _fetch(step, settings)
    scores = read_scores(scored.infos, scored.keys, settings.rewards)
    if caution := caution_about_scores(step.trainer.config, settings, scores):
        _say_once(caution)
    result = compute_rollout_advantages(
        apply_gates(scores, settings.gates),
        [uids[row] for row in scored.sessions.final_rows],
        scored.sessions.token_counts(tokens),
        **settings.advantage_arguments(),
    )
    step.metrics.update(result.metrics | service_metrics(scored.infos))
    keep_records(step.trainer, scored.keys, scores, result)
    return keep(step.trainer, Estimated(list(step.batch.keys), scored.sessions.to_rows(result.rollout_advantages)))


@functools.cache
def _say_once(caution: str) -> None:
    logger.warning(caution)


def _fetch(step: Step, settings: Settings) -> Scored:
    """Beside verl's own colocated reward model each value is a field of its own."""
    import transfer_queue as tq

    sessions = Sessions.of(step.batch.keys, step.batch.tags)
    keys = [step.batch.keys[row] for row in sessions.final_rows]
    colocated = step.trainer.reward_loop_manager.reward_loop_worker_handles is None and not is_colocated(settings)
    fields = list(settings.rewards) if colocated else ["extra_fields"]
    fetched = tq.kv_batch_get(keys=keys, partition_id=step.batch.partition_id, select_fields=fields)
    columns = [plain_column(fetched[name]) for name in fields]
    if colocated:
        return Scored(sessions, keys, [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)])
    return Scored(sessions, keys, [row.get("reward_extra_info", {}) for row in columns[0]])
