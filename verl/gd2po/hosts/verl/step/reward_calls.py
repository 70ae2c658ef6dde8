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
from gd2po.rewards.scores import as_score, shown, to_number
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
        result = await (self._limited(_awaited(call())) if self._is_async else self._in_a_thread(call))
        return named_result(result, self._settings)

    async def _in_a_thread(self, call: Callable[[], Any]) -> Any:
        async with self._room:  # the time in which a call waits for a thread is not counted
            threads = self._threads
            result = await self._limited(asyncio.get_running_loop().run_in_executor(threads, _called, call))
            if result is _LATE and self._threads is threads:
                threads.shutdown(wait=False)
                self._threads = ThreadPoolExecutor(THREADS, "reward")
        if inspect.isawaitable(result):  # an instance or a wrapper whose call gives a coroutine
            return await self._limited(_awaited(result))
        return result

    async def _limited(self, outcome: Awaitable[Any]) -> Any:
        """The result of a call within the time limit; ``_LATE`` where it took longer and is not to be scored."""
        task, seconds = asyncio.ensure_future(outcome), self._settings.reward_timeout
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:  # from outside: the run is ending
            task.cancel()
            raise
        if not done:
            task.cancel()
            self._report_late()
            return _LATE
        return _value(task.result())

    def _report_late(self) -> None:
        text = f"the reward function has not answered within {self._settings.reward_timeout:g} s for {SAMPLE.get()}"
        if self._settings.on_reward_timeout == "error":
            raise RewardError(
                f"{text}. Mend or limit it, set algorithm.gd2po.reward_timeout to more seconds (null for no limit), or "
                "on_reward_timeout=not_scored to train without these scores"
            )
        logger.warning("%s; this rollout is not scored by it. A thread cannot be ended: its work goes on", text)


async def _awaited(outcome: Awaitable[Any]) -> Any:
    try:
        return await outcome
    except GeneratorExit:  # the event loop is closed
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


_LATE = object()
"""The result of a call that took too long."""


def _value(result: Any) -> Any:
    """What a call returned.

    Raises:
        RewardError: The call raised.
    """
    if isinstance(result, _Raised):
        raise RewardError(explain(result.error)) from result.error
    return result


def check_calls(function: Callable[..., Any], settings: Settings) -> Callable[..., Any]:
    """A function whose calls are checked like those of :class:`LimitedCalls`, but not limited in time.

    It is for reward managers that call the function in their own way, so it is asynchronous only where the function is.
    """
    if not inspect.iscoroutinefunction(function):
        return functools.partial(_checked_call, function, settings)

    async def checked_call(*args: Any, **kwargs: Any) -> Any:
        return named_result(_value(await _awaited(function(*args, **kwargs))), settings)

    return checked_call


def _checked_call(function: Callable[..., Any], settings: Settings, *args: Any, **kwargs: Any) -> Any:
    return named_result(_value(_called(functools.partial(function, *args, **kwargs))), settings)


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

    A number alone passes, since verl names it ``acc``: a validation set may have no other score. The trainer refuses it
    where it finds none of the declared rewards.

    Raises:
        RewardError: The result is neither a dict of named scores nor a number.
    """
    names = [name for name, reward in settings.rewards.items() if reward.model is None]
    if result is _LATE:
        result = dict.fromkeys(names)
    if not isinstance(result, Mapping):
        if to_number(result) is not None:
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
