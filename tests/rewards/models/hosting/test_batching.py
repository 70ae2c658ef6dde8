"""Which requests go into one forward pass, and who is answered when."""

import asyncio
import threading

import pytest

from gd2po.rewards.models.hosting import batching
from gd2po.rewards.models.hosting.batching import ForwardBatcher, batches


@pytest.mark.parametrize(
    ("budget", "expected"), [(1, [[0], [2], [1], [3]]), (6, [[0, 2], [1], [3]]), (160, [[0, 2, 1, 3]])]
)
def test_batches_are_of_like_length_and_bounded(budget, expected, monkeypatch):
    monkeypatch.setattr(batching, "BATCH_TOKENS", budget)
    assert list(batches([2, 4, 3, 40])) == expected


class Lengths:
    """Computes the lengths of sequences, once it may."""

    def __init__(self):
        self.passes, self.may = [], threading.Event()

    def __call__(self, rows):
        self.passes.append([len(row) for row in rows])
        assert self.may.wait(20)
        return [len(row) for row in rows]

    async def started(self):
        while not self.passes:
            await asyncio.sleep(0.001)


def test_what_arrives_during_a_pass_makes_up_the_next_one():
    async def run():
        compute = Lengths()
        batcher = ForwardBatcher(compute)
        first = asyncio.create_task(batcher.ask([[0]]))
        await compute.started()
        others = [asyncio.create_task(batcher.ask([[0] * length])) for length in (4, 2, 3)]
        await asyncio.sleep(0)  # every task begins
        compute.may.set()
        return await asyncio.gather(first, *others), compute.passes

    assert asyncio.run(run()) == ([[1], [4], [2], [3]], [[1], [2, 3, 4]])


def test_short_ones_do_not_wait_for_the_passes_of_long_ones(monkeypatch):
    monkeypatch.setattr(batching, "BATCH_TOKENS", 1)

    async def run():
        compute = Lengths()
        compute.may.set()
        batcher = ForwardBatcher(compute)
        order = []

        async def ask(length):
            await batcher.ask([[0] * length])
            order.append((length, len(compute.passes)))

        await asyncio.gather(ask(3), ask(1), ask(2))
        return order

    assert [length for length, _ in asyncio.run(run())] == [1, 2, 3]


def test_who_has_stopped_waiting_is_not_computed():
    async def run():
        compute = Lengths()
        batcher = ForwardBatcher(compute)
        first = asyncio.create_task(batcher.ask([[0]]))
        await compute.started()
        gone, stays = (asyncio.create_task(batcher.ask([[0] * length])) for length in (2, 3))
        await asyncio.sleep(0)  # every task begins
        gone.cancel()
        compute.may.set()
        return await asyncio.gather(first, stays), compute.passes

    assert asyncio.run(run()) == ([[1], [3]], [[1], [3]])


def test_a_failure_reaches_everyone_of_its_pass_and_no_one_else():
    async def run():
        def compute(rows):
            if [0, 0] in rows:
                raise RuntimeError("no memory")
            return [len(row) for row in rows]

        batcher = ForwardBatcher(compute)
        failed = await asyncio.gather(batcher.ask([[0]]), batcher.ask([[0, 0]]), return_exceptions=True)
        return [str(error) for error in failed], await batcher.ask([[0]])

    assert asyncio.run(run()) == (["no memory", "no memory"], [1])
