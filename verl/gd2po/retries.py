"""Which requests over HTTP are made again, and how long to wait before that: one policy for every client."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TypeVar

import httpx

_T = TypeVar("_T")

PASSING = frozenset({408, 409, 425, 429, *range(500, 600)})
"""Status codes after which the same request may succeed: the server is busy, in trouble, or not ready yet."""

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before the second attempt, doubled from attempt to attempt up to the longest."""


def delay(attempt: int, response: httpx.Response | None = None) -> float:
    """Seconds before the next attempt, with jitter so that requests that failed together do not return together.

    Args:
        attempt: The number of the attempt that has failed, from 0.
        response: The answer, where there was one; a longer ``Retry-After`` in its headers counts, up to
            :data:`LONGEST_DELAY`.
    """
    backoff = random.uniform(0.5, 1.0) * min(FIRST_DELAY * 2**attempt, LONGEST_DELAY)
    return max(backoff, 0.0 if response is None else _retry_after(response))


def repeat(
    attempt: Callable[[], _T],
    retries: int,
    delay: Callable[[int, httpx.Response | None], float] = delay,
    on_wait: Callable[[Exception, float], None] = lambda error, seconds: None,
) -> _T:
    """Call ``attempt`` until it returns, or fails for good.

    Args:
        attempt: Makes the request; raises what httpx raises, or TimeoutError.
        retries: The number of further attempts after a failure that may pass: no connection, no answer in time, or an
            ``httpx.HTTPStatusError`` with a status of :data:`PASSING`.
        delay: The seconds to wait, see :func:`delay`.
        on_wait: Called with the failure and the seconds before each wait.

    Raises:
        httpx.HTTPError: The last failure, or the first one that does not pass.
        TimeoutError: Likewise.
    """
    for number in count():
        try:
            return attempt()
        except (httpx.HTTPError, TimeoutError) as error:
            seconds = _wait_after(error, number, retries, delay)
            on_wait(error, seconds)
        time.sleep(seconds)
    raise AssertionError("unreachable")


async def repeat_async(attempt: Callable[[], Awaitable[_T]], retries: int) -> _T:
    """:func:`repeat` for an asynchronous client."""
    for number in count():
        try:
            return await attempt()
        except (httpx.HTTPError, TimeoutError) as error:
            seconds = _wait_after(error, number, retries, delay)
        await asyncio.sleep(seconds)
    raise AssertionError("unreachable")


def raise_if_passing(response: httpx.Response) -> httpx.Response:
    """The response, unless its status may pass.

    Raises:
        httpx.HTTPStatusError: It may.
    """
    if response.status_code in PASSING:
        raise httpx.HTTPStatusError(f"status {response.status_code}", request=response.request, response=response)
    return response


def _wait_after(
    error: Exception, number: int, retries: int, delay: Callable[[int, httpx.Response | None], float]
) -> float:
    """The seconds before the next attempt; raises ``error`` where there is none."""
    response = error.response if isinstance(error, httpx.HTTPStatusError) else None
    if number >= retries or (response is not None and response.status_code not in PASSING):
        raise error
    return delay(number, response)


def _retry_after(response: httpx.Response) -> float:
    """The seconds that the server wants us to wait; 0 where it does not say."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text) if text[:1].isdigit() else _until(text)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_DELAY)


def _until(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
