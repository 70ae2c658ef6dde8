"""Limits on the waits for TransferQueue's processes.

When its controller has died, every client waits for ever; when a storage unit has died, a client waits 200 s, or 600 s
for a fetch. While a client waits, we check every few seconds that the other process still exists.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from gd2po.defaults import QUEUE_LOOK, QUEUE_TIMEOUT
from gd2po.errors import GD2POError


class QueueError(GD2POError, RuntimeError):
    """TransferQueue does not answer."""


def wrap_request_controller(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap ``AsyncTransferQueueClient._request_controller``, through which all requests to the controller go.

    Raises:
        QueueError: its process is gone, or has not answered within :data:`gd2po.defaults.QUEUE_TIMEOUT` seconds.
    """

    async def _request_controller(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(QUEUE_TIMEOUT) as clock:
                return await _while_it_is_there(original(self, *args, **kwargs), self._controller, "controller")
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise QueueError(
                f"timed out after {QUEUE_TIMEOUT:.0f} s of waiting for TransferQueue's controller: the actor "
                "TransferQueueController, or its node, is gone or overloaded; `ray list actors` shows which"
            ) from error

    return _request_controller


def wrap_single_storage_unit(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap a request of ``AsyncSimpleStorageManager`` to one storage unit; TransferQueue itself limits the wait.

    Raises:
        QueueError: the unit's process is gone.
    """

    async def request(self: Any, *args: Any, target_storage_unit: str, **kwargs: Any) -> Any:
        answer = original(self, *args, target_storage_unit=target_storage_unit, **kwargs)
        return await _while_it_is_there(answer, self.storage_unit_infos[target_storage_unit], "storage")

    return request


async def _while_it_is_there(request: Awaitable[Any], server: Any, what: str) -> Any:
    """The answer of a request to a ``ZMQServerInfo``."""
    task = asyncio.ensure_future(request)
    try:
        while not (await asyncio.wait({task}, timeout=QUEUE_LOOK))[0]:
            if await _is_gone(server):
                raise QueueError(
                    f"TransferQueue's {what} has ended ({server.id}, which was on {server.ip}), and with it what it "
                    "held of this step; the log says above why an actor died"
                )
        return task.result()
    finally:
        task.cancel()


async def _is_gone(server: Any) -> bool:
    """Whether nobody listens there any more. One that is slow, or on a node that is lost, is not known to be gone."""
    try:
        async with asyncio.timeout(QUEUE_LOOK):
            _, writer = await asyncio.open_connection(server.ip, next(iter(server.ports.values())))
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return False
