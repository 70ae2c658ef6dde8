"""One call of a reward function: limited in time, and whatever it raises or returns becomes an ordinary error."""

import asyncio
import dataclasses
import functools
import inspect
import logging
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from gd2po.errors import GD2POError, RewardError
from gd2po.hosts.verl.reading.scores import as_score, shown
from gd2po.settings import Settings

logger = logging.getLogger(__name__)
logger.setLevel(os.getenv("VERL_LOGGING_LEVEL", "WARN"))

SAMPLE: ContextVar[str] = ContextVar("gd2po_sample", default="this rollout")
"""The rollout that is being scored, in words for an error message."""

THREADS = min(32, (os.cpu_count() or 1) + 4)
"""The number of synchronous calls at the same time: as many as in Python's default pool, which verl uses."""


class LimitedCalls:
    """Calls a reward function of any kind, and gives each call the time that the settings allow.

    A synchronous function runs in a thread. A thread cannot be ended from outside: after a timeout the call goes on
    unseen, and the calls after it get new threads. An asynchronous function is cancelled; one that blocks the event
    loop cannot be limited.
    """

    def __init__(self, function: Callable[..., Any], settings: Settings) -> None:
        self._function, self._settings = function, settings
        self._is_async = inspect.iscoroutinefunction(function)
        self._threads = ThreadPoolExecutor(THREADS, "reward")
        self._room = asyncio.Semaphore(THREADS)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The named scores of one rollout, with their total as ``score``.

        Raises:
            RewardError: The function raised, took too long, or returned no named scores.
        """
        call = functools.partial(self._function, *args, **kwargs)
        if self._is_async:
            result = await self._limited(_awaited(call()), self._settings.reward_timeout)
        else:
            result = await self._in_a_thread(call)
        return named_result(result, self._settings)

    async def _in_a_thread(self, call: Callable[[], Any]) -> Any:
        async with self._room:  # the time in which a call waits for a thread is not counted
            threads = self._threads
            outcome = asyncio.get_running_loop().run_in_executor(threads, _called, call)
            result = await self._limited(outcome, self._settings.reward_timeout)
            if result is _LATE and self._threads is threads:
                threads.shutdown(wait=False)
                self._threads = ThreadPoolExecutor(THREADS, "reward")
        if inspect.isawaitable(result):  # an instance or a wrapper whose call gives a coroutine
            return await self._limited(_awaited(result), self._settings.reward_timeout)
        return result

    async def _limited(self, outcome: Awaitable[Any], seconds: float | None) -> Any:
        task = asyncio.ensure_future(outcome)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:  # from outside: the run is ending
            task.cancel()
            raise
        if not done:
            task.cancel()
            self._say_late(seconds)
            return _LATE
        result = task.result()
        if isinstance(result, _Raised):
            raise RewardError(explain(result.error)) from result.error
        return result

    def _say_late(self, seconds: float | None) -> None:
        text = f"the reward function has not answered within {seconds:g} s for {SAMPLE.get()}"
        if self._settings.on_reward_timeout == "error":
            raise RewardError(
                f"{text}. Mend or limit it, set algorithm.gd2po.reward_timeout to more seconds (null for no limit), or "
                "on_reward_timeout=not_scored to train without these scores"
            )
        logger.warning("%s; this rollout is not scored by it. A thread cannot be ended: its work goes on", text)


async def _awaited(outcome: Awaitable[Any]) -> Any:
    try:
        return await outcome
    except GeneratorExit:
        raise
    except BaseException as error:  # whatever the function raises; asyncio would end the process on some of it
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # cancelled from outside
        return _Raised(error)


def _called(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BaseException as error:  # whatever the function raises; asyncio would wait for ever on a StopIteration
        return _Raised(error)


@dataclasses.dataclass(frozen=True)
class _Raised:
    """What a reward function raised, carried as a value."""

    error: BaseException


class _Late:
    """The result of a call that took too long."""


_LATE = _Late()


def call_unlimited(function: Callable[..., Any], settings: Settings, *args: Any, **kwargs: Any) -> Any:
    """As a call of :class:`LimitedCalls`, without its limit and in this thread: for reward managers of others.

    Raises:
        RewardError: The function raised, or returned no named scores.
    """
    result = _called(functools.partial(function, *args, **kwargs))
    if isinstance(result, _Raised):
        raise RewardError(explain(result.error)) from result.error
    return named_result(result, settings)


def explain(error: BaseException) -> str:
    """What a reward function raised, where, and on which rollout. Errors of ours say so themselves."""
    if isinstance(error, GD2POError):
        return str(error)
    if isinstance(error.__cause__, StopIteration):  # Python turns it into a RuntimeError in an asynchronous function
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    try:
        text = str(error)
    except Exception:  # an error of the user that cannot be shown
        text = "without a text that can be shown"
    return (
        f"the reward function raised {type(error).__name__}: {text}{where} on {SAMPLE.get()}. Return None for a "
        "rollout that cannot be scored, or mend the function."
    )


def named_result(result: Any, settings: Settings) -> Any:
    """What a reward function returned, with the weighted sum of the scores as ``score`` where it has none.

    A lone number passes where a reward is named ``acc``, as verl names it, or where all rewards have models.

    Raises:
        RewardError: The result is no dict of named scores.
    """
    names = [name for name, reward in settings.rewards.items() if reward.model is None]
    if result is _LATE:
        result = dict.fromkeys(names)
    if not isinstance(result, Mapping):
        if isinstance(result, int | float) and ("acc" in names or not names):
            return result
        raise RewardError(
            f"the reward function returned {shown(result)} ({type(result).__name__}) for {SAMPLE.get()}; expected a "
            f"dict of named scores. {_remedy(result, names)}"
        )
    scores = dict(result)
    unnamed = [key for key in scores if not isinstance(key, str)]
    if unnamed:
        raise RewardError(
            f"the reward function returned keys that are no text for {SAMPLE.get()}: "
            f"{', '.join(shown(key, 40) for key in unnamed)}; name each entry of its dict by text, or leave it out"
        )
    if "score" in scores:
        return scores
    declared = {name: as_score(name, scores[name], SAMPLE.get()) for name in settings.rewards if name in scores}
    return {**scores, "score": settings.total(declared)}


def _remedy(result: Any, names: list[str]) -> str:
    """How to make a dict of this kind of result."""
    scores = ", ".join(f'"{name}": …' for name in names)
    if result is None:
        missing = ", ".join(f'"{name}": None' for name in names)
        return f"Look for a path without return, and return {{{missing}}} for a rollout that cannot be scored."
    if inspect.isawaitable(result):
        getattr(result, "close", lambda: None)()
        return "Await it: return await …, in an async function."
    if hasattr(result, "_asdict"):
        return "Return result._asdict()."
    if dataclasses.is_dataclass(result):
        return "Return dataclasses.asdict(result)."
    if hasattr(result, "model_dump"):
        return "Return result.model_dump()."
    if isinstance(result, list | tuple) and any(isinstance(item, Mapping) for item in result):
        return "Return the dict in it alone."
    if isinstance(result, list | tuple) and len(result) == len(names):
        items = ", ".join(f'"{name}": result[{place}]' for place, name in enumerate(names))
        return f"Return {{{items}}}."
    return f"Return {{{scores}}}."
