"""Limits on verl's waits for rollouts and their engine: a run ends with the reason, where verl would wait for ever.

The limit is one number, :data:`gd2po.defaults.ENGINE_TIMEOUT`, or the environment variable :data:`VARIABLE`.
"""

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from gd2po.defaults import ENGINE_TIMEOUT
from gd2po.errors import EngineError, SettingsError

VARIABLE = "GD2PO_ENGINE_TIMEOUT"

Method = Callable[..., Awaitable[Any]]


def limit() -> float:
    """Seconds that one wait may take.

    Raises:
        SettingsError: the environment variable is not a positive number.
    """
    text = os.environ.get(VARIABLE, str(ENGINE_TIMEOUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{VARIABLE} is {text!r}; expected seconds, such as {ENGINE_TIMEOUT:.0f}")
    return seconds


@dataclass(frozen=True)
class Wait:
    """One kind of wait.

    Attributes:
        awaited: What the run waits for.
        cause: The likely cause why it does not come.
        remedy: Where to look.
    """

    awaited: str
    cause: str
    remedy: str

    def over(self, seconds: float) -> EngineError:
        """The error for a wait that took too long."""
        return EngineError(
            f"timed out after {seconds:.0f} s of waiting for {self.awaited}. Likely cause: {self.cause}. "
            f"{self.remedy}; if it needs longer, set {VARIABLE} to more seconds on every node"
        )

    def around(self, original: Method) -> Method:
        """Wrap an asynchronous method; its own errors pass."""

        @functools.wraps(original)
        async def limited(*args: Any, **kwargs: Any) -> Any:
            seconds = limit()
            try:
                async with asyncio.timeout(seconds) as clock:
                    return await original(*args, **kwargs)
            except TimeoutError as error:
                if clock.expired():
                    raise self.over(seconds) from error
                raise

        return limited

    def around_either(self, original: Method) -> Method:
        """Wrap a method that verl lets callers use with or without ``await``."""
        from verl.utils.ray_utils import auto_await

        return auto_await(self.around(original))


_LOG = "The engine's own lines in the log, or its process, say more"

START = Wait(
    "a rollout engine to start",
    "it still loads or compiles the model, waits for memory, or cannot reach its other processes",
    _LOG,
)
WEIGHTS = Wait(
    "a rollout engine to take the new weights",
    "a process of the engine has failed, hangs, or was killed",
    _LOG,
)
REST = Wait(
    "a rollout engine to rest or to resume between rollouts and training",
    "a request in it does not end, or a process of the engine hangs or was killed",
    _LOG,
)
ROLLOUTS = Wait(
    "the next rollout",
    "the rollout engine, an agent loop, a tool, the reward function or a storage of TransferQueue does not answer",
    "`ray list actors` and `py-spy dump` show which of them waits",
)

wrap_init, wrap_update_weights, wrap_rest = START.around, WEIGHTS.around, REST.around_either


def wrap_wait_for_next_poll(original: Callable[..., float]) -> Callable[..., float]:
    """Wrap ``ReplayBuffer._wait_for_next_poll``, between two looks at the rollouts.

    Raises:
        EngineError: nothing at all has changed for too long.
    """

    latest: WeakKeyDictionary[Any, tuple[Any, float]] = WeakKeyDictionary()  # what a buffer had, and since when

    def wait_for_next_poll(self: Any, partition_id: str, *args: Any, **kwargs: Any) -> float:
        state, now = _state(self, partition_id), time.monotonic()
        before, since = latest.get(self, (None, now))
        since = since if before == state else now
        latest[self] = (state, since)
        if now - since > limit():
            raise EngineError(f"{ROLLOUTS.over(now - since)} ({_counted(self, partition_id)})")
        return original(self, partition_id, *args, **kwargs)

    return wait_for_next_poll


def _prompts(buffer: Any, partition_id: str) -> dict[str, frozenset[str]]:
    states = ("pending", "running", "finished", "failure")
    return {state: frozenset(getattr(buffer, f"{state}_keys")[partition_id]) for state in states}


def _state(buffer: Any, partition_id: str) -> tuple[Any, ...]:
    return partition_id, _prompts(buffer, partition_id), len(buffer.partitions[partition_id])


def _counted(buffer: Any, partition_id: str) -> str:
    counts = ", ".join(f"{len(keys)} {state}" for state, keys in _prompts(buffer, partition_id).items())
    return f"prompts of {partition_id!r}: {counts}; {len(buffer.partitions[partition_id])} rollouts are there"
