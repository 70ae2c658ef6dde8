"""verl's replay buffers, looking for finished rollouts every 50 ms: with a small model a step is shorter than 2 s."""

from typing import Any

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

SECONDS = 0.05


class PromptReplayBuffer(ReplayBuffer):
    """For `trainer_mode=sync`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(poll_interval=SECONDS, **options)


class PromptReplayBufferAsync(ReplayBufferAsync):
    """For the asynchronous trainer modes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(poll_interval=SECONDS, **options)
