"""A V0 run that a reward ends keeps what it has learned: its last whole step becomes a checkpoint."""

from collections.abc import Callable
from typing import Any

from gd2po.errors import RewardError
from gd2po.hosts.verl.checkpoints.rescue import save_step_before
from gd2po.hosts.verl.reading.run_state import state_of


def wrap_fit(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``RayPPOTrainer.fit``: when the rewards of a step fail, save the state before it, then let the error pass.

    Rewards of a step are complete before its policy changes. Without checkpoints (``trainer.save_freq`` ≤ 0) none is
    made.
    """

    def fit(self: Any) -> None:
        try:
            original(self)
        except RewardError:
            if (dataloader := state_of(self).resumable) is not None:
                save_step_before(self, dataloader)
            raise

    return fit
