"""The multipliers of constraints, saved with each checkpoint and restored when it is resumed."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gd2po.files import write_whole
from gd2po.hosts.verl.checkpoints import CheckpointError
from gd2po.hosts.verl.checkpoints.folders import folder_of
from gd2po.hosts.verl.reading.run_state import state_of

logger = logging.getLogger(__name__)

MULTIPLIERS_FILE = "gd2po_multipliers.json"
"""The state of :class:`gd2po.weights.RewardWeights`, in each checkpoint of a run with constraints."""


def wrap_save_checkpoint(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._save_checkpoint``: write the multipliers with which the next step begins."""

    def _save_checkpoint(self: Any) -> None:
        weights = state_of(self).weights
        if weights.constraints:
            folder = folder_of(Path(self.config.trainer.default_local_dir), self.global_steps)
            write_whole(folder / MULTIPLIERS_FILE, json.dumps(weights.state_dict(self.global_steps), indent=1) + "\n")
        original(self)

    return _save_checkpoint


def wrap_load_checkpoint(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._load_checkpoint``: read the multipliers of the checkpoint that is resumed.

    Raises:
        CheckpointError: the file is there and cannot be read.
    """

    def _load_checkpoint(self: Any) -> None:
        original(self)
        weights = state_of(self).weights
        if not weights.constraints or not self.global_steps:
            return
        trainer = self.config.trainer
        named = trainer.resume_mode == "resume_path"
        folder = (
            Path(trainer.resume_from_path) if named else folder_of(Path(trainer.default_local_dir), self.global_steps)
        )
        file = folder / MULTIPLIERS_FILE
        if not file.is_file():
            logger.warning(
                "%s is not there: the checkpoint is of a run without targets, and multipliers of %s begin anew",
                file,
                ", ".join(weights.constraints),
            )
            return
        try:
            new = weights.load_state_dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{file} cannot be read ({type(error).__name__}: {error}); expected {{step: …, multipliers: {{reward: "
                "number}}. Resume another checkpoint, or delete the file to begin with the weights of the settings"
            ) from error
        if new:
            logger.warning("%s has no multiplier of %s, which begin with their weight", file, ", ".join(new))

    return _load_checkpoint
