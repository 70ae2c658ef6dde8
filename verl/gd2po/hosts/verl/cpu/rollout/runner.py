"""The engine in a thread, driven from an event loop, and the gate that decides whether requests may come."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import GenerationRequest

_GATHER_SECONDS = 0.01  # an idle engine waits this long for more requests: those of a trainer come in one burst


class Runner:
    """Gives every request a future, and the engine one caller at a time."""

    def __init__(self, engine: DecodeEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._interrupt = threading.Event()
        self._futures: dict[GenerationRequest, asyncio.Future[None]] = {}
        self._arrived: list[GenerationRequest] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, request: GenerationRequest) -> None:
        """Return when the request is complete or aborted; raise the error of the engine."""
        future = self._futures[request] = asyncio.get_running_loop().create_future()
        self._arrived.append(request)
        self._interrupt.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        await future

    @asynccontextmanager
    async def idle_engine(self) -> AsyncIterator[DecodeEngine]:
        """The engine between two of its steps, so that its model can be changed."""
        self._interrupt.set()
        async with self._turn:
            yield self._engine

    async def abort(self) -> int:
        """End all requests with the tokens drawn so far, and return their number."""
        async with self.idle_engine() as engine:
            engine.add(self._take_arrived())
            aborted = engine.abort()
        self._settle(aborted)
        return len(aborted)

    async def drain(self) -> None:
        """Wait until no request is left."""
        while self._futures:
            await asyncio.wait(self._futures.values())

    async def _serve(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        try:
            while self._futures:
                async with self._turn:
                    self._interrupt.clear()
                    self._engine.add(self._take_arrived())
                    completed = await asyncio.to_thread(self._engine.advance, self._interrupt)
                self._settle(completed)
        except Exception as error:  # every waiting request raises it
            self._fail(error)

    def _take_arrived(self) -> list[GenerationRequest]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def _settle(self, requests: list[GenerationRequest]) -> None:
        for request in requests:
            future = self._futures.pop(request)
            if not future.done():  # it is done if its caller was cancelled
                future.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._engine.abort()
        self._arrived.clear()
        for future in self._futures.values():
            if not future.done():
                future.set_exception(error)
        self._futures.clear()


class Gate:
    """Admits requests while it is open: not while the server is paused (its weights are about to change) or asleep.

    Late requests wait at a closed gate; a rejecting gate turns them away.
    """

    def __init__(self) -> None:
        self._closed_by: set[str] = set()
        self._rejecting = False
        self._changed = asyncio.Event()

    @property
    def open(self) -> bool:
        return not self._closed_by

    def close(self, reason: str, reject: bool = False) -> None:
        """Close for one more reason."""
        self._closed_by.add(reason)
        self._rejecting = reject
        self._notify()

    def clear(self, reason: str) -> None:
        """Remove a reason; the gate opens when no reason is left."""
        self._closed_by.discard(reason)
        self._rejecting = self._rejecting and not self.open
        self._notify()

    async def admits(self) -> bool:
        """Wait for an open gate; False if the request is turned away."""
        while not self.open:
            if self._rejecting:
                return False
            await self._changed.wait()
        return True

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
