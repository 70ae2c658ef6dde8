"""New weights on their way to vLLM: a trainer learns at once that the engine could not take them.

verl's sender waits in a socket for the acknowledgement of each bucket. When the engine's worker raises, the error goes
back as the answer to another call, which the sender never reads.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

from gd2po.errors import EngineError
from gd2po.hosts.verl.waiting.waits import WEIGHTS, limit

_LOOK_MS = 500
_answer: ContextVar["Future[Any] | None"] = ContextVar("answer", default=None)


def wrap_execute_method(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``ServerAdapter._execute_method``: a call that is not waited for is one whose worker will read weights."""

    async def execute_method(self: Any, method: str, non_block: bool = False, *args: Any, **kwargs: Any) -> Any:
        called = await original(self, method, non_block, *args, **kwargs)
        if non_block:  # of a split engine, only one rank makes the call
            _answer.set(None if called is None else called.future())
        return called

    return execute_method


def wrap_init_socket(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``BucketedWeightSender._init_socket``."""

    def init_socket(self: Any) -> None:
        original(self)
        self.socket = WatchedSocket(self.socket, _answer.get())

    return init_socket


def wrap_receive_weights(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``BucketedWeightReceiver.receive_weights``, in the engine's worker.

    verl closes the memory it shares with the trainer, whatever happens. While the weights of a failed bucket are still
    in use that fails too, and hides why.
    """

    def receive_weights(self: Any, on_bucket_received: Callable[..., None]) -> None:
        try:
            original(self, on_bucket_received)
        except BufferError as error:
            raise error.__context__ or error from None

    return receive_weights


class WatchedSocket:
    """The sender's socket, whose waits end when the engine has failed, or after :func:`.waits.limit` seconds.

    Args:
        socket: A ZeroMQ socket.
        answer: The engine's answer to the call that makes its worker read; None where another rank made the call.
    """

    def __init__(self, socket: Any, answer: "Future[Any] | None") -> None:
        self._socket = socket
        self._answer = answer

    def send_pyobj(self, message: Any) -> None:
        """Send, once the worker is there."""
        from zmq import POLLOUT

        self._await(POLLOUT)
        self._socket.send_pyobj(message)

    def recv(self) -> bytes:
        """The worker's acknowledgement."""
        from zmq import POLLIN

        self._await(POLLIN)
        return bytes(self._socket.recv())

    def close(self) -> None:
        """Close; what a worker never fetched is dropped, or the process could not end."""
        self._socket.close(linger=0)

    def _await(self, event: int) -> None:
        seconds, start = limit(), time.monotonic()
        while not self._socket.poll(_LOOK_MS, event):
            if error := self._failure():
                cause = getattr(error, "cause", error)  # Ray's error has its own, and prints a traceback
                raise EngineError(f"vLLM could not take the new weights: {cause}") from error
            if time.monotonic() - start > seconds:
                raise WEIGHTS.over(seconds)

    def _failure(self) -> BaseException | None:
        return self._answer.exception() if self._answer is not None and self._answer.done() else None
