"""Requests that arrive one by one from many threads, answered in batches by one backend."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread

from gd2po.evaluation.generation.contract import Backend, Decoding, Generation, GenerationError, Request

COLLECT_SECONDS = 0.005
"""How long the first request of a batch waits for others; those that come while a batch runs form the next."""


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    decoding: Decoding
    future: "Future[Generation]" = field(default_factory=Future)


class Batcher:
    """Puts what arrives together into one call of a backend; one call at a time. Use it as a context manager."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queue: SimpleQueue[_Asked | None] = SimpleQueue()
        self._numbers = count()
        self._closing = Event()
        self._worker = Thread(target=self._work, name="batcher", daemon=True)

    def __enter__(self) -> "Batcher":
        self._worker.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for what the backend is at; whoever still waits for an answer gets a :class:`GenerationError`."""
        self._closing.set()
        self._queue.put(None)
        self._worker.join()

    def submit(self, messages: Iterable[dict[str, str]], decoding: Decoding) -> "Future[Generation]":
        """Ask for one answer. The future raises what the backend raised."""
        asked = _Asked(Request(str(next(self._numbers)), tuple(messages)), decoding)
        self._queue.put(asked)
        return asked.future

    def _work(self) -> None:
        while not self._closing.is_set():
            by_decoding: dict[Decoding, list[_Asked]] = {}
            for asked in self._collect():
                if asked.future.set_running_or_notify_cancel():
                    by_decoding.setdefault(asked.decoding, []).append(asked)
            for decoding, group in by_decoding.items():
                self._answer(group, decoding)
        for asked in self._arrived():
            asked.future.set_exception(GenerationError("the server is closing"))

    def _collect(self) -> list[_Asked]:
        first = self._queue.get()
        if first is None:
            return []
        time.sleep(COLLECT_SECONDS)
        return [first, *self._arrived()]

    def _arrived(self) -> list[_Asked]:
        arrived: list[_Asked] = []
        while True:
            try:
                asked = self._queue.get_nowait()
            except Empty:
                return arrived
            if asked is not None:
                arrived.append(asked)

    def _answer(self, group: list[_Asked], decoding: Decoding) -> None:
        waiting = {asked.request.id: asked.future for asked in group}
        failure: Exception = GenerationError("the engine gave no answer to this request")
        try:
            for generation in self._backend.generate([asked.request for asked in group], decoding):
                waiting.pop(generation.id).set_result(generation)
                if self._closing.is_set():
                    failure = GenerationError("the server is closing")
                    break
        except Exception as error:  # whoever waits is told; the server goes on
            failure = error
        for future in waiting.values():
            future.set_exception(failure)
