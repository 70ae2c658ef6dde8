"""Replay buffers that look at the rollouts at a fixed interval: samplers of a user, which the plug-in leaves alone."""

from typing import Any

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer


class EveryTwoSeconds(ReplayBuffer):
    """verl's own interval."""


class Every50Milliseconds(ReplayBuffer):
    """A short one, whatever a look costs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(poll_interval=0.05, **options)
