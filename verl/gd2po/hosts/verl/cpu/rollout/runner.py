"""The engine in a thread, driven from an event loop: the model computes while requests arrive."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gd2po.hosts.verl.cpu.rollout.engine import DecodeEngine
from gd2po.hosts.verl.cpu.rollout.request import Request

_GATHER_SECONDS = 0.01  # an idle engine waits this long for company: a trainer's requests come in one burst


class Runner:
    """Gives every request a future and the engine one caller at a time."""

    def __init__(self, engine: DecodeEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._interrupt = threading.Event()
        self._futures: dict[Request, asyncio.Future[None]] = {}
        self._arrived: list[Request] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, request: Request) -> None:
        """Return when the request is complete or aborted; what the engine raises, raises here."""
        future = self._futures[request] = asyncio.get_running_loop().create_future()
        self._arrived.append(request)
        self._interrupt.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        await future

    @asynccontextmanager
    async def idle_engine(self) -> AsyncIterator[DecodeEngine]:
        """The engine between two steps, for whoever changes its model."""
        self._interrupt.set()
        async with self._turn:
            yield self._engine

    async def abort(self) -> int:
        """End all requests with what they have; returns how many."""
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
        except Exception as error:  # it belongs to every request that waits for the engine
            self._fail(error)

    def _take_arrived(self) -> list[Request]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def _settle(self, requests: list[Request]) -> None:
        for request in requests:
            future = self._futures.pop(request)
            if not future.done():  # it is, when its caller has gone
                future.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._engine.abort()
        self._arrived.clear()
        for future in self._futures.values():
            if not future.done():
                future.set_exception(error)
        self._futures.clear()
