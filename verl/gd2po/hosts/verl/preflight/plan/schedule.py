"""Batches, steps, validations and checkpoints of a run, as verl's V1 trainer counts them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig

from gd2po.hosts.verl.checkpoints.folders import kept


@dataclass(frozen=True)
class RunSchedule:
    """The prompts, steps and checkpoints of a run.

    Attributes:
        rows: The number of prompts in the training files; None if a file is not on this machine.
        left_out: The number of prompts of an epoch that fill no batch; None if ``rows`` is.
        prompts: The number of prompts of a step.
        rollouts: The number of rollouts of a step.
        tokens: The largest number of tokens of a step, prompts and responses together.
        mini_batch: The number of prompts of an update.
        updates: The number of updates of the weights in a step.
        steps_per_epoch: The number of steps of an epoch; None if ``rows`` is.
        steps: The number of steps of the run; None if neither the data nor the configuration tells it.
        validations: The number of validations of the run; None if ``steps`` is.
        checkpoints: The number of checkpoints that the run writes; None if ``steps`` is.
        kept: The number of checkpoints that stay at the end; None if ``steps`` is.
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
    def of(cls, config: DictConfig) -> "RunSchedule":
        """Read the schedule from a composed configuration and from the number of rows of the data files."""
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
            kept=None if checkpoints is None else min(checkpoints, kept(trainer) or checkpoints),
        )


def files_of(value: Any) -> list[str]:
    """The value of ``data.train_files`` or ``data.val_files`` as a list of files."""
    return [str(file) for file in (value if isinstance(value, list | ListConfig) else [value]) if file]


def rows_of(data: DictConfig) -> int | None:
    """The largest number of prompts of an epoch; None if a file is missing or not parquet.

    verl leaves out prompts that are too long when it loads the data.
    """
    import pyarrow.parquet as pq

    files = [Path(file).expanduser() for file in files_of(data.train_files)]
    if not files or not all(file.is_file() and file.suffix == ".parquet" for file in files):
        return None
    rows = sum(int(pq.read_metadata(file).num_rows) for file in files)
    limit = data.get("train_max_samples", -1)
    return min(rows, limit) if limit > 0 else rows


def _steps(trainer: DictConfig, per_epoch: int | None) -> int | None:
    """The number of steps: verl ends with the first of its two limits."""
    limit = trainer.total_training_steps
    if per_epoch is None:
        return limit
    passes = per_epoch * trainer.total_epochs
    return passes if limit is None else min(limit, passes)


def _occasions(steps: int | None, frequency: int, extra: int = 0) -> int | None:
    """The number of times that something happens every ``frequency`` steps and at the last step."""
    if steps is None:
        return None
    return extra + (-(-steps // frequency) if frequency > 0 else 0)
