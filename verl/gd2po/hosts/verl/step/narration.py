"""What a person who watches a training reads: one line a step, and warnings about its health."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig

from gd2po.health import Health
from gd2po.hosts.verl.reading.run_state import state_of
from gd2po.hosts.verl.step.group_filter import group_metrics
from gd2po.step_line import step_line

logger = logging.getLogger(__name__)


def wrap_compute_metrics(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._compute_metrics``: when all metrics of a step are there, say what they mean."""

    def _compute_metrics(
        self: Any, batch: Any, metrics: dict[str, Any], timing_raw: dict[str, float], global_steps: int, epoch: int
    ) -> None:
        original(self, batch, metrics, timing_raw, global_steps, epoch)
        metrics |= group_metrics(self, batch)
        if "conflict/rate" in metrics:
            metrics["rollouts/lost"] = _lost(self.config, batch)
            narrate(self, metrics, global_steps)

    return _compute_metrics


def narrate(trainer: Any, metrics: Mapping[str, float], step: int) -> None:
    """Print the line of a step, and log the warnings that are new in it.

    Args:
        trainer: verl's trainer, of either kind.
        metrics: The metrics of the step.
        step: The number of the step.
    """
    state = state_of(trainer)
    settings = state.settings
    line = step_line(
        step, trainer.total_training_steps, list(settings.rewards), metrics, settings.watch, settings.scheduled
    )
    sys.stdout.write(f"{line}\n")
    state.health = state.health or Health(settings.voting, settings.uses_filter)
    for warning in state.health.warnings(step, metrics):
        logger.warning(warning)


def _lost(config: DictConfig, batch: Any) -> float:
    """Rollouts that ended in an error: verl goes on with the others and fills the batch up with padding."""
    expected = config.data.train_batch_size * config.actor_rollout_ref.rollout.n
    return float(max(0, expected - sum(not tag.get("is_padding", False) for tag in batch.tags)))
