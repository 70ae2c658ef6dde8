"""One record per rollout in verl's rollout dump: scores, per-reward advantages, conflict, kept, query weight."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gd2po.hosts.contract import record_columns
from gd2po.hosts.verl.reading.run_state import Records, state_of


def keep_records(
    trainer: Any,
    keys: Sequence[str],
    scores: Mapping[str, Tensor],
    result: Any,
    watched: Mapping[str, Tensor],
    weights: Mapping[str, float],
) -> None:
    """Keep the records of a batch of S rollouts on the trainer until it dumps them; only if it will.

    Args:
        trainer: verl's PPOTrainer.
        keys: [S] TransferQueue key of each rollout's last output.
        scores: name → [S] raw scores, NaN where not scored.
        result: what :func:`gd2po.advantages.compute_rollout_advantages` returned.
        watched: name → [S] scores that are not trained on, NaN where not scored.
        weights: name → weight of the step, where weights move; empty where they are the same in all steps.
    """
    if not trainer.config.trainer.get("rollout_data_dir"):
        return
    sessions = _sessions(keys)
    records = state_of(trainer).records
    for name, values in record_columns(scores, result, watched, weights).items():
        records.setdefault(name, {}).update(zip(sessions, values, strict=True))


def _sessions(keys: Sequence[str]) -> list[str]:
    return [key.rpartition("_")[0] for key in keys]


def wrap_dump_generations(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._dump_generations``: each row of a training dump gets the record of its session."""

    def _dump_generations(
        self: Any,
        inputs: list[str],
        outputs: list[str],
        gts: list[Any],
        scores: list[float],
        reward_extra_infos_dict: dict[str, list[Any]],
        dump_path: str,
    ) -> None:
        if dump_path == self.config.trainer.get("rollout_data_dir"):
            keys = reward_extra_infos_dict["uid"]
            reward_extra_infos_dict = reward_extra_infos_dict | columns_of(state_of(self).take_records(), keys)
        original(self, inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path)

    return _dump_generations


def columns_of(records: Records, keys: Sequence[str]) -> dict[str, list[Any]]:
    """Records as columns in the order of ``keys``; a padding row has None in each."""
    sessions = _sessions(keys)
    return {name: [values.get(session) for session in sessions] for name, values in records.items()}
