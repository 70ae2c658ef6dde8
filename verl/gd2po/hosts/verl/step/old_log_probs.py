"""Masked rollouts cost no pass for old log-probabilities: scores, and so masks, are known before it.

The actor computes old log-probabilities of the rows that its update will use. The other rows get those of the rollout
engine, which nothing reads but metrics; those of verl (entropy, difference between rollout and trainer) are therefore
taken over the rows that were computed.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from gd2po.hosts.verl.reading.run_state import BatchAdvantages, RunState, caller, state_of
from gd2po.hosts.verl.reading.scores import plain_column
from gd2po.hosts.verl.step.advantage import Step, estimate
from gd2po.hosts.verl.step.first_step import started_state
from gd2po.hosts.verl.step.skipping import skips
from gd2po.settings import Settings


def leaves_out(config: DictConfig, settings: Settings) -> bool:
    """Whether the pass can be left out for rows without an advantage, and nothing but metrics would see it."""
    correction = config.algorithm.get("rollout_correction") or {}
    return (
        settings.estimator != "grpo"  # verl's own advantage counts there
        and skips(config, settings)
        and bool(config.actor_rollout_ref.rollout.calculate_log_probs)
        and not any(correction.get(key) for key in ("bypass_mode", "rollout_is", "rollout_rs"))
    )


def wrap_compute_old_log_prob(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._compute_old_log_prob``: it sees the rows that the update needs."""

    def _compute_old_log_prob(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        state = started_state(self)
        if not leaves_out(self.config, state.settings):
            return original(self, batch, metrics)
        known = _estimate_ahead(Step(self, batch, metrics), state)
        rows = _rows(self, batch, known.advantages)
        if len(rows) == len(batch):
            return original(self, batch, metrics)
        state.batch_advantages = dataclasses.replace(known, forwarded=rows)
        part = batch.select_keys([batch.keys[row] for row in rows.tolist()])
        original(self, part, metrics)
        batch.extra_info.update(part.extra_info)
        _copy_from_rollout(batch, rows)
        return batch

    return _compute_old_log_prob


def wrap_compute_rollout_correction_and_add_to_batch(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the call that compares rollout and trainer: rows that were not computed would look as if they agreed."""

    def compute_rollout_correction_and_add_to_batch(batch: Any, rollout_corr_config: Any) -> Any:
        state = state_of(caller())
        known = state.advantages_of(state.step.batch.keys) if state.step else None
        if known is None or known.forwarded is None:
            return original(batch, rollout_corr_config)
        _, metrics = original(batch.select_idxs(known.forwarded), rollout_corr_config)
        return batch, metrics

    return compute_rollout_correction_and_add_to_batch


def _estimate_ahead(step: Step, state: RunState) -> BatchAdvantages:
    """Of a batch whose scores are in the TransferQueue."""
    import transfer_queue as tq

    fetched = tq.kv_batch_get(
        keys=step.batch.keys, partition_id=step.batch.partition_id, select_fields=["uid", "response_mask"]
    )
    mask = fetched["response_mask"]  # nested: [N, tokens of each]
    ends = torch.nn.functional.pad(mask.values().cumsum(0), (1, 0))[mask.offsets()]
    return estimate(step, state, plain_column(fetched["uid"]), ends.diff())


def _rows(trainer: Any, batch: Any, advantages: Tensor) -> Tensor:
    """Rows to compute, in an order that gives each worker equally many and about equally long ones.

    All with an advantage, and the shortest of the others where their number must be rounded up.
    """
    from verl.utils.seqlen_balancing import calculate_workload, get_seqlen_balanced_partitions

    workers = max(trainer.actor_rollout_wg._dispatch_info["actor"]) + 1
    informative = advantages != 0
    count = min(_rounded_up(int(informative.sum()), trainer.config, workers), len(batch))
    lengths = torch.tensor([tag["seq_len"] for tag in batch.tags])
    chosen = torch.where(informative, -1, lengths).argsort(stable=True)[:count].sort().values
    workload = calculate_workload(lengths[chosen]).tolist()
    parts = get_seqlen_balanced_partitions(workload, k_partitions=workers, equal_size=True)
    return chosen[[row for part in parts for row in part]]


def _rounded_up(count: int, config: DictConfig, workers: int) -> int:
    """To what fills every worker's micro-batches; at least one of each."""
    rollout = config.actor_rollout_ref.rollout
    size = 1 if rollout.log_prob_use_dynamic_bsz else rollout.log_prob_micro_batch_size_per_gpu or 1
    multiple = workers * size
    return max(1, -(-count // multiple)) * multiple


def _copy_from_rollout(batch: Any, computed: Tensor) -> None:
    """Old log-probabilities of the rows that were not computed."""
    import transfer_queue as tq

    known = set(computed.tolist())
    keys = [key for row, key in enumerate(batch.keys) if row not in known]
    data = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=["rollout_log_probs"])
    data["old_log_probs"] = data.pop("rollout_log_probs")
    tq.kv_batch_put(keys=keys, partition_id=batch.partition_id, fields=data)
