"""Requests that arrive while a forward pass runs, put together into the next ones."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

BATCH_TOKENS = 16_384
"""Tokens in one padded forward pass."""

Ids = Sequence[int]
"""The token ids of one sequence."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A sequence whose result is awaited."""

    ids: Ids
    future: "asyncio.Future[Any]"


class ForwardBatcher:
    """One forward pass at a time, in a thread beside the event loop in which requests arrive.

    Each answer is given as soon as its pass is done. Cancelled requests are skipped.

    Args:
        compute: The function that makes one pass and returns a result per sequence, in their order.

    Attributes:
        passes: The number of passes so far.
    """

    def __init__(self, compute: Callable[[Sequence[Ids]], Sequence[Any]]) -> None:
        self.passes = 0
        self._compute = compute
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, rows: Sequence[Ids]) -> list[Any]:
        """Results for some sequences, computed together with whatever else has arrived.

        Raises:
            Exception: What ``compute`` raised.
        """
        loop = asyncio.get_running_loop()
        arrived = [_Waiting(ids, loop.create_future()) for ids in rows]
        self._waiting += arrived
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return list(await asyncio.gather(*(sequence.future for sequence in arrived)))

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # so that requests that have arrived are read first
            arrived, self._waiting = self._waiting, []
            for numbers in batches([len(sequence.ids) for sequence in arrived]):
                await self._pass(_not_cancelled(arrived[number] for number in numbers))

    async def _pass(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        self.passes += 1
        try:
            results = await asyncio.to_thread(self._compute, [sequence.ids for sequence in batch])
        except Exception as error:  # every request of the pass is told; the server goes on
            for sequence in _not_cancelled(batch):
                sequence.future.set_exception(error)
            return
        for sequence, result in zip(batch, results, strict=True):
            if not sequence.future.done():
                sequence.future.set_result(result)


def _not_cancelled(sequences: Iterable[_Waiting]) -> list[_Waiting]:
    return [sequence for sequence in sequences if not sequence.future.done()]


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of sequences of like length, in each at most :data:`BATCH_TOKENS` padded tokens, the shortest first."""
    numbers: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if numbers and (len(numbers) + 1) * lengths[number] > BATCH_TOKENS:
            yield numbers
            numbers = []
        numbers.append(number)
    if numbers:
        yield numbers
