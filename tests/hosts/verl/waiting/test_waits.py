"""A wait that does not end names what it waited for; one that ends is not touched."""

import asyncio
import threading
from collections import defaultdict
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import zmq

from gd2po.errors import EngineError, SettingsError
from gd2po.hosts.verl.waiting import vllm_weights, waits
from gd2po.hosts.verl.waiting.waits import REST, START, VARIABLE, WEIGHTS, limit


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.3")


async def _forever(*_args):
    await asyncio.Event().wait()


def test_half_an_hour_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert limit() == 1800
    monkeypatch.setenv(VARIABLE, "90.5")
    assert limit() == 90.5


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan", ""])
def test_nonsense_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(SettingsError, match=f"{VARIABLE} is '{text}'; expected seconds, such as 1800"):
        limit()


@pytest.mark.parametrize("wait", [START, WEIGHTS, REST])
def test_an_engine_that_does_not_answer_is_named_with_cause_and_remedy(short, wait):
    with pytest.raises(EngineError, match=rf"after 0 s of .*{wait.awaited}.*Likely cause: {wait.cause}.*{VARIABLE}"):
        asyncio.run(wait.around(_forever)())


def test_answers_and_errors_of_an_engine_pass(short):
    async def answers(value):
        return value

    async def fails():
        raise TimeoutError("its own")

    assert asyncio.run(START.around(answers)(7)) == 7
    with pytest.raises(TimeoutError, match="its own"):
        asyncio.run(START.around(fails)())


def test_a_method_may_be_called_with_and_without_await(short):
    rest = REST.around_either(_forever)
    with pytest.raises(EngineError, match="to rest"):
        rest()

    async def awaiting():
        await rest()

    with pytest.raises(EngineError, match="to rest"):
        asyncio.run(awaiting())


class Buffer:
    """What verl's replay buffer knows of its prompts."""

    def __init__(self, running=("a", "b")):
        self.pending_keys, self.running_keys = defaultdict(set), defaultdict(set, train=set(running))
        self.finished_keys, self.failure_keys = defaultdict(set), defaultdict(set)
        self.partitions = defaultdict(dict)


@pytest.fixture
def poll(short, monkeypatch):
    """Looks at a buffer, a given number of seconds after the last look."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(waits.time, "monotonic", lambda: now.seconds)
    wait = waits.wrap_wait_for_next_poll(lambda buffer, partition_id, last: last + 1)

    def poll(buffer, seconds):
        now.seconds += seconds
        return wait(buffer, "train", 1.0)

    return poll


def test_a_standstill_of_rollouts_ends_the_run_with_what_is_there(poll):
    buffer = Buffer()
    assert poll(buffer, 0.0) == 2.0
    assert poll(buffer, 0.2) == 2.0
    counts = "prompts of 'train': 0 pending, 2 running, 0 finished, 0 failure; 0 rollouts are there"
    with pytest.raises(EngineError, match=f"for the next rollout.*{counts}"):
        poll(buffer, 0.2)


def test_any_change_is_no_standstill(poll):
    buffer = Buffer()
    for number in range(5):
        buffer.partitions["train"][f"a_{number}_0"] = {}
        poll(buffer, 0.2)
    buffer.running_keys["train"] = {"c", "d"}  # the next step, long after
    poll(buffer, 100.0)


@pytest.fixture
def pair():
    """The sender's socket, and one that a worker can answer from, not yet connected."""
    context = zmq.Context()
    sender, worker = context.socket(zmq.REQ), context.socket(zmq.REP)
    address = f"inproc://{id(context)}"
    sender.bind(address)

    def connect():
        worker.connect(address)
        return worker

    yield sender, connect
    sender.close(linger=0)
    worker.close(linger=0)
    context.term()


def test_an_acknowledgement_passes_through_a_watched_socket(short, pair):
    sender, connect = pair
    watched, worker = vllm_weights.WatchedSocket(sender, None), connect()
    answering = threading.Thread(target=lambda: worker.send(worker.recv_pyobj()["bucket"]))
    answering.start()
    watched.send_pyobj({"bucket": b"taken"})
    assert watched.recv() == b"taken"
    answering.join()


def test_a_worker_that_never_comes_or_never_answers_is_waited_for_so_long(short, pair):
    sender, connect = pair
    watched = vllm_weights.WatchedSocket(sender, Future())
    with pytest.raises(EngineError, match="to take the new weights"):
        watched.send_pyobj("weights")
    connect()
    watched.send_pyobj("weights")
    with pytest.raises(EngineError, match="to take the new weights"):
        watched.recv()


def test_an_engine_that_failed_is_not_waited_for_and_gives_its_reason(monkeypatch, pair):
    monkeypatch.setenv(VARIABLE, "60")
    sender, connect = pair
    answer: Future[None] = Future()
    watched = vllm_weights.WatchedSocket(sender, answer)
    connect()
    watched.send_pyobj("weights")
    answer.set_exception(ValueError("no weight of that name"))
    with pytest.raises(EngineError, match="vLLM could not take the new weights: no weight of that name"):
        watched.recv()


def test_the_socket_of_a_sender_knows_the_answer_to_the_call_before(short, pair):
    sender, _ = pair
    failed: Future[None] = Future()
    failed.set_exception(ValueError("out of memory"))

    async def call(adapter, method, non_block, *args, **kwargs):
        return SimpleNamespace(future=lambda: failed)

    async def send():
        await vllm_weights.wrap_execute_method(call)(None, "update_weights_from_ipc", non_block=True)
        bucket_sender = SimpleNamespace()
        vllm_weights.wrap_init_socket(lambda self: setattr(self, "socket", sender))(bucket_sender)
        bucket_sender.socket.send_pyobj("weights")

    with pytest.raises(EngineError, match="out of memory"):
        asyncio.run(send())


def test_a_worker_reports_the_first_error_and_not_that_of_tidying_up():
    def receive_weights(receiver, on_bucket_received):
        try:
            on_bucket_received()
        finally:
            if receiver:
                raise BufferError("cannot close exported pointers exist")

    def fails():
        raise ValueError("no weight of that name")

    receive = vllm_weights.wrap_receive_weights(receive_weights)
    for receiver in (True, False):
        with pytest.raises(ValueError, match="no weight of that name"):
            receive(receiver, fails)
    with pytest.raises(BufferError, match="cannot close"):
        receive(True, lambda: None)
