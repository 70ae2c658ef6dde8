"""Requests come and go while the engine runs; nobody waits for ever."""

import asyncio

import pytest

from gd2po.decoding.request import StopReason
from gd2po.hosts.verl.cpu.rollout.runner import Gate, Runner

LONG = 60
"""Seconds after which a test that waits fails."""


async def begun(request):
    """The engine has drawn the first token of the request."""
    while not request.tokens:
        await asyncio.sleep(0)


def test_concurrent_requests_of_different_lengths(engine, ask):
    requests = [ask([row + 1], 1 + 3 * row) for row in range(8)]

    async def scenario():
        runner = Runner(engine)
        await asyncio.gather(*(runner.run(request) for request in requests))

    asyncio.run(scenario())
    assert [len(request.tokens) for request in requests] == [1 + 3 * row for row in range(8)]


def test_a_late_request_does_not_wait_for_the_early_one(engine, ask):
    order = []

    async def scenario():
        runner = Runner(engine)

        async def run(name, request):
            await runner.run(request)
            order.append(name)

        first = ask([1], 200)
        early = asyncio.create_task(run("early", first))
        await begun(first)
        await run("late", ask([2], 2))
        await early

    asyncio.run(scenario())
    assert order == ["late", "early"]


def test_abort_answers_running_and_arriving_requests(engine, ask):
    running, arriving = ask([1], 250), ask([2], 250)

    async def scenario():
        runner = Runner(engine)
        tasks = [asyncio.create_task(runner.run(running))]
        await begun(running)
        tasks.append(asyncio.create_task(runner.run(arriving)))
        await asyncio.sleep(0)
        aborted = await runner.abort()
        await asyncio.wait_for(asyncio.gather(*tasks), timeout=LONG)
        await asyncio.wait_for(runner.run(ask([3], 2)), timeout=LONG)
        return aborted

    assert asyncio.run(scenario()) == 2
    assert running.stop is StopReason.ABORTED and 0 < len(running.tokens) < 250
    assert arriving.stop is StopReason.ABORTED


def test_drain_returns_when_all_are_answered(engine, ask):
    request = ask([1], 30)

    async def scenario():
        runner = Runner(engine)
        task = asyncio.create_task(runner.run(request))
        await asyncio.sleep(0)
        await runner.drain()
        await task

    asyncio.run(scenario())
    assert request.stop is StopReason.COMPLETED


def test_a_failing_engine_fails_every_request_and_then_serves_again(engine, ask, monkeypatch):
    async def scenario():
        runner = Runner(engine)
        with monkeypatch.context() as broken:
            broken.setattr(engine, "advance", lambda interrupt: 1 / 0)
            tasks = [asyncio.create_task(runner.run(ask([row], 5))) for row in (1, 2)]
            results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=LONG)
        assert [type(result) for result in results] == [ZeroDivisionError] * 2
        good = ask([3], 4)
        await asyncio.wait_for(runner.run(good), timeout=LONG)
        assert len(good.tokens) == 4

    asyncio.run(scenario())


@pytest.mark.parametrize(("reject", "expected"), [(False, True), (True, False)])
def test_a_closed_gate_holds_or_turns_away(reject, expected):
    async def scenario():
        gate = Gate()
        assert await gate.admits()
        gate.close("paused", reject=reject)
        gate.close("asleep", reject=reject)
        waiting = asyncio.create_task(gate.admits())
        await asyncio.sleep(0)
        gate.clear("paused")
        await asyncio.sleep(0)
        assert waiting.done() is reject
        gate.clear("asleep")
        assert await gate.admits()
        return await waiting

    assert asyncio.run(scenario()) is expected
