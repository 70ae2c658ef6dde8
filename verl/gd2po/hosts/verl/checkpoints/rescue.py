"""A run that a reward ends keeps what it has learned: its last whole step becomes a checkpoint."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gd2po.errors import GD2POError

logger = logging.getLogger(__name__)


def wrap_step(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer.step``: when the rewards of a step fail, save the state before it, then let the error pass.

    Only where verl's trainer is in that state: in mode ``sync`` nothing of the next step has been begun, and rewards
    are complete before the policy changes. Prompts of the failed step are drawn again on resuming. Without checkpoints
    (``trainer.save_freq`` ≤ 0) none is made.
    """

    def step(self: Any, metrics: dict[str, Any], timing_raw: dict[str, float]) -> Any:
        if not _can_save_step_before(self):
            return original(self, metrics, timing_raw)
        before = self.train_dataloader.state_dict()
        try:
            return original(self, metrics, timing_raw)
        except GD2POError:
            save_step_before(self, before)
            raise

    return step


def _can_save_step_before(trainer: Any) -> bool:
    return bool(trainer.config.trainer.save_freq > 0 and trainer.trainer_mode == "sync")


def save_step_before(trainer: Any, dataloader_state: dict[str, Any]) -> None:
    """Save the step before this one; the very first has none before it.

    Args:
        trainer: verl's trainer, whose policy has not changed since that step.
        dataloader_state: The state of its data loader after that step.
    """
    failed, whole = trainer.global_steps, trainer.global_steps - 1
    if not whole:
        return
    folder = Path(trainer.config.trainer.default_local_dir) / f"global_step_{whole}"
    if not folder.exists():
        loader = trainer.train_dataloader
        trainer.train_dataloader = SimpleNamespace(state_dict=lambda: dataloader_state)
        trainer.global_steps = whole
        try:
            trainer._save_checkpoint()
        finally:
            trainer.train_dataloader, trainer.global_steps = loader, failed
    logger.error("step %d has no rewards; the same command goes on after step %d, from %s", failed, whole, folder)
