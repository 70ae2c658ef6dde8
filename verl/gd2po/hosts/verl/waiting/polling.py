"""How long verl waits between two looks at the rollouts: not 2 s, which is longer than a step of a small model.

The rollouts are written by other processes, and TransferQueue tells nobody when one is complete, so verl has to look. A
look copies the tags of all rollouts: 0.3 ms for 32 of them, 6 ms for 2,048. The pause before the next one is therefore
a share of the wait so far, never so short that looking becomes work, and never longer than verl's own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

SHORTEST = 0.02
"""Seconds."""

LATENESS = 0.01
"""Share of a wait by which it may be longer than it must."""

LOOKING = 0.05
"""Share of a wait that looks may take."""


@dataclass
class Pace:
    """Pauses of one replay buffer.

    Attributes:
        began: When the running wait began, in seconds since the epoch, as verl's times are.
        ended: When the latest pause ended, in the same unit.
    """

    began: float = 0.0
    ended: float = 0.0

    def pause(self, mark: float, now: float) -> float:
        """Seconds to pause now.

        Args:
            mark: The time that verl hands from pause to pause: when it began to wait, or last logged a pause.
            now: The present time.
        """
        if mark > self.ended:
            self.began = mark
        look = now - max(mark, self.ended)
        return max(SHORTEST, LATENESS * (now - self.began), look / LOOKING)


def wrap_wait_for_next_poll(original: Callable[..., float]) -> Callable[..., float]:
    """Wrap ``ReplayBuffer._wait_for_next_poll``, in verl's own classes; a user's sampler keeps its own pauses.

    ``poll_interval`` is another only during the pause: verl also compares the time it has waited with it.
    """
    paces: WeakKeyDictionary[Any, Pace] = WeakKeyDictionary()

    def wait_for_next_poll(self: Any, partition_id: str, last_debug_time: float) -> float:
        if type(self).__module__ != original.__module__:
            return original(self, partition_id, last_debug_time)
        pace, longest = paces.setdefault(self, Pace()), self.poll_interval
        self.poll_interval = min(longest, pace.pause(last_debug_time, time.time()))
        try:
            return original(self, partition_id, last_debug_time)
        finally:
            self.poll_interval, pace.ended = longest, time.time()

    return wait_for_next_poll
