"""Requests that arrive one by one from many threads, answered in batches by one backend."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread

from gd2po.evaluation.generation.contract import Backend, Decoding, Generation, GenerationError, GenerationRequest

COLLECT_SECONDS = 0.005
"""The seconds for which the first request of a batch waits for others; those that come during a batch form the next."""


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    request: GenerationRequest
    decoding: Decoding
    future: "Future[Generation]" = field(default_factory=Future)


class GenerationBatcher:
    """Puts requests that arrive together into one call of a backend. Use it as a context manager."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queue: SimpleQueue[_PendingRequest | None] = SimpleQueue()
        self._numbers = count()
        self._closing = Event()
        self._worker = Thread(target=self._work, name="batcher", daemon=True)

    def __enter__(self) -> "GenerationBatcher":
        self._worker.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for the answer under way; the other requests that wait get a :class:`GenerationError`."""
        self._closing.set()
        self._queue.put(None)
        self._worker.join()

    def submit(self, messages: Iterable[dict[str, str]], decoding: Decoding) -> "Future[Generation]":
        """Ask for one answer. The future raises the error of the backend."""
        pending = _PendingRequest(GenerationRequest(str(next(self._numbers)), tuple(messages)), decoding)
        self._queue.put(pending)
        return pending.future

    def _work(self) -> None:
        while not self._closing.is_set():
            by_decoding: dict[Decoding, list[_PendingRequest]] = {}
            for pending in self._collect():
                if pending.future.set_running_or_notify_cancel():
                    by_decoding.setdefault(pending.decoding, []).append(pending)
            for decoding, group in by_decoding.items():
                self._answer(group, decoding)
        for pending in self._arrived():
            pending.future.set_exception(GenerationError("the server is closing"))

    def _collect(self) -> list[_PendingRequest]:
        first = self._queue.get()
        if first is None:
            return []
        time.sleep(COLLECT_SECONDS)
        return [first, *self._arrived()]

    def _arrived(self) -> list[_PendingRequest]:
        arrived: list[_PendingRequest] = []
        while True:
            try:
                pending = self._queue.get_nowait()
            except Empty:
                return arrived
            if pending is not None:
                arrived.append(pending)

    def _answer(self, group: list[_PendingRequest], decoding: Decoding) -> None:
        waiting = {pending.request.id: pending.future for pending in group}
        failure: Exception = GenerationError("the engine gave no answer to this request")
        try:
            for generation in self._backend.generate([pending.request for pending in group], decoding):
                waiting.pop(generation.id).set_result(generation)
                if self._closing.is_set():
                    failure = GenerationError("the server is closing")
                    break
        except Exception as error:  # the requests get it; the server goes on
            failure = error
        for future in waiting.values():
            future.set_exception(failure)
