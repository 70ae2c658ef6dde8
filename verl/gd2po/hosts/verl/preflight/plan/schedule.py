"""Batches, steps, validations and checkpoints of a run, as verl's V1 trainer counts them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig


@dataclass(frozen=True)
class Schedule:
    """What is counted in.

    Attributes:
        rows: prompts in the training files; None where a file is not here.
        left_out: prompts of an epoch that fill no batch; None with ``rows``.
        prompts: of a step.
        rollouts: of a step.
        tokens: at most, of a step's prompts and responses.
        mini_batch: prompts of an update.
        updates: of the weights, in a step.
        steps_per_epoch: None with ``rows``.
        steps: in all; None where nothing says.
        validations: in all; None with ``steps``.
        checkpoints: written in all; None with ``steps``.
        kept: checkpoints that stay; None with ``steps``.
    """

    rows: int | None
    left_out: int | None
    prompts: int
    rollouts: int
    tokens: int
    mini_batch: int
    updates: int
    steps_per_epoch: int | None
    steps: int | None
    validations: int | None
    checkpoints: int | None
    kept: int | None

    @classmethod
    def of(cls, config: DictConfig) -> "Schedule":
        """Read from a composed configuration, and from the data files for their number of rows."""
        data, trainer = config.data, config.trainer
        actor, n = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout.n
        prompts, rows = data.train_batch_size, rows_of(data)
        per_epoch = None if rows is None else rows // prompts
        steps = _steps(trainer, per_epoch)
        checkpoints = _occasions(steps, trainer.save_freq)
        return cls(
            rows=rows,
            left_out=None if rows is None else rows % prompts,
            prompts=prompts,
            rollouts=prompts * n,
            tokens=prompts * n * (data.max_prompt_length + data.max_response_length),
            mini_batch=actor.ppo_mini_batch_size,
            updates=-(-prompts // actor.ppo_mini_batch_size) * actor.ppo_epochs,
            steps_per_epoch=per_epoch,
            steps=steps,
            validations=_occasions(steps, trainer.test_freq, extra=int(bool(trainer.val_before_train))),
            checkpoints=checkpoints,
            kept=None if checkpoints is None else min(checkpoints, keeps(trainer) or checkpoints),
        )


def files_of(value: Any) -> list[str]:
    """``data.train_files`` or ``data.val_files`` as a list."""
    return [str(file) for file in (value if isinstance(value, list | ListConfig) else [value]) if file]


def rows_of(data: DictConfig) -> int | None:
    """Prompts that an epoch may have at most; None where a file is missing or not parquet.

    Prompts that are too long are left out later, by verl.
    """
    import pyarrow.parquet as pq

    files = [Path(file).expanduser() for file in files_of(data.train_files)]
    if not files or not all(file.is_file() and file.suffix == ".parquet" for file in files):
        return None
    rows = sum(int(pq.read_metadata(file).num_rows) for file in files)
    limit = data.get("train_max_samples", -1)
    return min(rows, limit) if limit > 0 else rows


def keeps(trainer: DictConfig) -> int | None:
    """Checkpoints that verl keeps; None for all."""
    return 1 if trainer.get("remove_previous_ckpt_in_save", False) else trainer.get("max_actor_ckpt_to_keep", None)


def _steps(trainer: DictConfig, per_epoch: int | None) -> int | None:
    """verl ends with the first of its two limits."""
    asked = trainer.total_training_steps
    if per_epoch is None:
        return asked
    passes = per_epoch * trainer.total_epochs
    return passes if asked is None else min(asked, passes)


def _occasions(steps: int | None, frequency: int, extra: int = 0) -> int | None:
    """How often something happens that happens every so many steps, and at the last."""
    if steps is None:
        return None
    return extra + (-(-steps // frequency) if frequency > 0 else 0)
