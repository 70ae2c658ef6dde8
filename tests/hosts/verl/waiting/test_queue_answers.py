"""Processes of TransferQueue that have died are noticed by who asks them."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray
import transfer_queue as tq

from gd2po.hosts.verl.waiting import queue_answers
from gd2po.hosts.verl.waiting.queue_answers import QueueError, wrap_request_controller, wrap_single_storage_unit


def test_the_wait_for_a_real_controller_ends(rollouts, monkeypatch, process_of_ours):
    """The process stands still instead of dying: it is shared by other tests."""
    controller = ray.get_actor("TransferQueueController", namespace="transfer_queue")
    process = psutil.Process(ray.get(controller.__ray_call__.remote(lambda _: os.getpid())))
    process.suspend()
    try:
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        with (
            monkeypatch.context() as patch,
            pytest.raises(RuntimeError, match="timed out after 1 s of waiting for TransferQueue's"),
        ):
            patch.setattr(queue_answers, "QUEUE_TIMEOUT", 1.0)
            tq.kv_list("train")
    finally:
        process.resume()
    rollouts.put({"uid_0_0": {"score": 1.0}})
    assert "uid_0_0" in tq.kv_list("train")["train"]


def server(port: int) -> Any:
    return SimpleNamespace(id="TQ_1", ip="127.0.0.1", ports={"socket": port})


@pytest.fixture
def unanswered(monkeypatch):
    """Makes a request that nobody at a port ever answers; looks every 0.05 s whether somebody is there."""
    monkeypatch.setattr(queue_answers, "QUEUE_LOOK", 0.05)

    async def never(_self, **_):
        await asyncio.Event().wait()

    def unanswered(wrap: Callable[..., Any], port: int) -> Awaitable[Any]:
        client = SimpleNamespace(_controller=server(port), storage_unit_infos={"one": server(port)})
        target = {"target_storage_unit": "one"} if wrap is wrap_single_storage_unit else {}
        return wrap(never)(client, **target)

    return unanswered


@pytest.mark.parametrize(
    ("wrap", "what"), [(wrap_request_controller, "controller"), (wrap_single_storage_unit, "storage")]
)
def test_who_asks_a_process_that_is_gone_is_told(unanswered, wrap, what):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(QueueError, match=rf"TransferQueue's {what} has ended \(TQ_1, which was on 127.0.0.1\)"):
        asyncio.run(unanswered(wrap, port))


@pytest.mark.parametrize("wrap", [wrap_request_controller, wrap_single_storage_unit])
def test_who_asks_a_busy_process_goes_on_waiting(unanswered, wrap):
    async def wait_for_three_looks():
        looks: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        listening = await asyncio.start_server(lambda _, writer: looks.put_nowait(writer), "127.0.0.1", 0)
        async with listening:
            waiting = asyncio.ensure_future(unanswered(wrap, listening.sockets[0].getsockname()[1]))
            for _ in range(3):
                (await looks.get()).close()
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(wait_for_three_looks())


def test_errors_and_time_limits_of_others_pass():
    async def late(_self):
        raise TimeoutError("of the socket")

    with pytest.raises(TimeoutError, match="of the socket"):
        asyncio.run(wrap_request_controller(late)(SimpleNamespace(_controller=server(1))))
