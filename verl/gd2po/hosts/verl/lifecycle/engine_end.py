"""At the end of a run vLLM's processes end by themselves, and take their shared memory along.

Otherwise Ray kills them: what they share in ``/dev/shm``, some 400 MB for each replica, would stay until a reboot.
"""

import logging
from collections.abc import Callable
from typing import Any

from gd2po.hosts.verl.reading.run_state import state_of

logger = logging.getLogger(__name__)

GRACE = 60.0
"""Seconds for all engines together; those that take longer are killed by Ray."""


def wrap_fit(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer.fit``; a run that fails ends its engines as well."""

    def fit(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, *args, **kwargs)
        finally:
            if replicas := _replicas_of_vllm(self):
                end(replicas)

    return fit


def _replicas_of_vllm(trainer: Any) -> list[Any]:
    """Those of the rollouts, and of reward models."""
    rollouts = trainer.config.actor_rollout_ref.rollout.name == "vllm"
    fleet = state_of(trainer).fleet
    return [
        *(trainer.llm_server_manager.get_replicas() if rollouts else ()),
        *(fleet.replicas_of("vllm") if fleet is not None else ()),
    ]


def end(replicas: list[Any]) -> None:
    """End the engines of these replicas of verl's vLLM server; their actors stay."""
    import ray

    ends = [server.__ray_call__.remote(_end_engine) for replica in replicas for server in replica.servers]
    _, late = ray.wait(ends, num_returns=len(ends), timeout=GRACE)
    if late:
        logger.warning(
            "%d of %d vLLM engines did not end within %.0f s: Ray will kill them, and their shared memory stays "
            "(/dev/shm/psm_*)",
            len(late),
            len(ends),
            GRACE,
        )


def _end_engine(server: Any) -> None:
    engine = getattr(server, "engine", None)  # a replica over several nodes has one, on the first
    if engine is not None:
        engine.shutdown()
