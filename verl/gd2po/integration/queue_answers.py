"""A limit on TransferQueue's waits for its controller: when that process has died, every client would wait for ever.

Its storage units need none: their clients give up after ``TQ_SIMPLE_STORAGE_SEND_RECV_TIMEOUT``, 200 s.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from gd2po.defaults import QUEUE_TIMEOUT
from gd2po.errors import GD2POError


class QueueError(GD2POError, RuntimeError):
    """TransferQueue does not answer."""


def answering(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap ``AsyncTransferQueueClient._request_controller``, through which all requests to the controller go.

    Raises:
        QueueError: no answer within :data:`gd2po.defaults.QUEUE_TIMEOUT` seconds.
    """

    @functools.wraps(original)
    async def _request_controller(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(QUEUE_TIMEOUT) as clock:
                return await original(self, *args, **kwargs)
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise QueueError(
                f"waited {QUEUE_TIMEOUT:.0f} s for TransferQueue's controller to answer, in vain: the actor "
                "TransferQueueController, or its node, is gone or overloaded; `ray list actors` shows which"
            ) from error

    return _request_controller
