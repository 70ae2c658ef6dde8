"""A controller of TransferQueue that has died is noticed by who asks it."""

import asyncio
import os
import time

import psutil
import pytest
import ray
import transfer_queue as tq
from transfer_queue.client import AsyncTransferQueueClient

from gd2po.integration import queue_answers
from gd2po.integration.queue_answers import answering


def test_the_wait_for_a_real_controller_ends(rollouts, monkeypatch):
    """The process stands still instead of dying: it is shared by other tests."""
    controller = ray.get_actor("TransferQueueController", namespace="transfer_queue")
    process = psutil.Process(ray.get(controller.__ray_call__.remote(lambda _: os.getpid())))
    process.suspend()
    try:
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="waited 1 s for TransferQueue's"):
            patch.setattr(queue_answers, "QUEUE_TIMEOUT", 1.0)
            tq.kv_list("train")
    finally:
        process.resume()
    rollouts.put({"uid_0_0": {"score": 1.0}})
    assert "uid_0_0" in tq.kv_list("train")["train"]


def test_errors_and_time_limits_of_others_pass():
    async def late(_self):
        raise TimeoutError("of the socket")

    with pytest.raises(TimeoutError, match="of the socket"):
        asyncio.run(answering(late)(None))


def test_every_request_goes_through_the_wrapper():
    assert AsyncTransferQueueClient._request_controller.__gd2po_wraps__
