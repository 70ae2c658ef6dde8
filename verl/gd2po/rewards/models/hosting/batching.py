"""Requests that arrive while a forward pass runs, put together into the next ones."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

BATCH_TOKENS = 16_384
"""Tokens in one padded forward pass."""

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class _Asked:
    ids: Ids
    future: "asyncio.Future[Any]"


class Batcher:
    """One forward pass at a time, in a thread beside the event loop in which requests arrive.

    Each answer is given as soon as its pass is done. Who stops waiting is left out of the passes to come.

    Args:
        compute: one pass: a result per sequence, in their order.

    Attributes:
        passes: so far.
    """

    def __init__(self, compute: Callable[[Sequence[Ids]], Sequence[Any]]) -> None:
        self.passes = 0
        self._compute = compute
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, rows: Sequence[Ids]) -> list[Any]:
        """Results for some sequences, computed together with whatever else has arrived.

        Raises:
            Exception: what ``compute`` raised.
        """
        loop = asyncio.get_running_loop()
        asked = [_Asked(ids, loop.create_future()) for ids in rows]
        self._waiting += asked
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return list(await asyncio.gather(*(one.future for one in asked)))

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # let those who have arrived be read
            arrived, self._waiting = self._waiting, []
            for numbers in batches([len(one.ids) for one in arrived]):
                await self._pass(_waiting(arrived[number] for number in numbers))

    async def _pass(self, batch: list[_Asked]) -> None:
        if not batch:
            return
        self.passes += 1
        try:
            results = await asyncio.to_thread(self._compute, [one.ids for one in batch])
        except Exception as error:  # whoever waits is told; the server goes on
            for one in _waiting(batch):
                one.future.set_exception(error)
            return
        for one, result in zip(batch, results, strict=True):
            if not one.future.done():
                one.future.set_result(result)


def _waiting(asked: Iterable[_Asked]) -> list[_Asked]:
    return [one for one in asked if not one.future.done()]


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
