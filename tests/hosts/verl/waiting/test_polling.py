"""Pauses between looks at the rollouts: short at first, never much work, and without a say in what is sampled."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import transfer_queue as tq
from verl.trainer.ppo.v1 import replay_buffer

from gd2po.hosts.verl.waiting.polling import LATENESS, LOOKING, SHORTEST, Pace

OPTIONS = {"trainer_config": {}, "max_off_policy_threshold": 2, "max_off_policy_strategy": "drop", "sampler_kwargs": {}}
GROUP = 4


class Own(replay_buffer.ReplayBuffer):
    """A user's sampler, in a module of the user's: it waits and samples as verl alone does."""


class OwnAsync(replay_buffer.ReplayBufferAsync):
    """The same for the asynchronous modes."""


def buffer(kind, mode="sync", **options):
    return kind(trainer_mode=mode, refill_fn=lambda count: None, **OPTIONS, **options)


@pytest.fixture
def pauses(monkeypatch, process_of_ours) -> list[float]:
    """Sleep is instant; its lengths are written down."""
    slept: list[float] = []
    monkeypatch.setattr(replay_buffer.time, "sleep", slept.append)
    return slept


def wait(buffer, times: int) -> None:
    """As verl waits: the mark goes from pause to pause."""
    mark = time.time()
    for _ in range(times):
        mark = buffer._wait_for_next_poll("train", mark)


@pytest.mark.parametrize("kind", [replay_buffer.ReplayBuffer, replay_buffer.ReplayBufferAsync])
def test_both_of_verls_buffers_pause_briefly_at_first(pauses, kind):
    looked = buffer(kind)
    wait(looked, 3)
    assert pauses == [SHORTEST] * 3
    assert looked.poll_interval == 2.0, "verl also compares the time it has waited with it"


@pytest.mark.parametrize("kind", [Own, OwnAsync])
def test_a_sampler_of_the_user_keeps_its_pauses(pauses, kind):
    wait(buffer(kind), 2)
    wait(buffer(kind, poll_interval=0.5), 2)
    assert pauses == [2.0, 2.0, 0.5, 0.5]


def test_a_shorter_interval_than_ours_stays(pauses):
    wait(buffer(replay_buffer.ReplayBuffer, poll_interval=0.001), 2)
    assert pauses == [0.001] * 2


def simulate(seconds: float, look: float, longest: float = 2.0, log_every: float = 60.0) -> list[tuple[float, float]]:
    """Start and length of each pause of a wait in which every look takes ``look`` seconds."""
    pace, mark, now = Pace(), 1000.0, 1000.0
    pauses = []
    while now < 1000.0 + seconds:
        now += look
        pause = min(longest, pace.pause(mark, now))
        pauses.append((now - 1000.0, pause))
        now += pause
        mark = now if now - mark > log_every else mark
        pace.ended = now
    return pauses


def test_a_wait_is_at_most_one_hundredth_longer_than_it_must_be():
    for waited, pause in simulate(150.0, look=0.0003):
        assert pause == pytest.approx(max(SHORTEST, LATENESS * waited))


def test_looks_take_at_most_a_twentieth_of_a_wait_until_the_pause_is_verls_own():
    pauses = simulate(100.0, look=0.006)
    assert len(pauses) * 0.006 <= LOOKING * 100.0
    assert simulate(20.0, look=0.5)[-1][1] == 2.0


def test_each_wait_begins_anew():
    pace = Pace()
    assert pace.pause(100.0, 150.0) == pytest.approx(50.0 / LOOKING)  # a look of 50 s
    pace.ended = 152.0
    assert pace.pause(100.0, 152.001) == pytest.approx(LATENESS * 52.001)
    pace.ended = 153.0
    assert pace.pause(400.0, 400.0003) == SHORTEST


@pytest.mark.parametrize("now", [0.0, -1e6])
def test_a_clock_set_back_does_not_stop_the_run(now):
    assert Pace(began=1e5, ended=2e5).pause(1e5, now) == SHORTEST


def put(uid: str, status: str, step: int, rollouts: int) -> None:
    keys = [f"{uid}_{session}_0" for session in range(rollouts)]
    tags = [{"status": "success", "seq_len": 5, "global_steps": step} for _ in keys]
    prompt = {"is_prompt": True, "status": status, "global_steps": step}
    tq.kv_batch_put(keys=[uid, *keys], partition_id="train", tags=[prompt, *tags])


PROMPTS = [f"prompt{number}" for number in range(9)]
FINISHING = [PROMPTS[number] for number in (7, 2, 0, 5, 1, 8)]


def step_of(uid: str) -> int:
    return 1 + PROMPTS.index(uid) % 2


def finish(looked: threading.Event) -> None:
    """All at once, when the buffer has looked in vain: what is sampled may depend on when it looks."""
    looked.wait()
    tags = [{"is_prompt": True, "status": "finished", "global_steps": step_of(uid)} for uid in FINISHING]
    tq.kv_batch_put(keys=FINISHING, partition_id="train", tags=tags)


@pytest.fixture
def empty_queue(queue: None) -> Iterator[Callable[[], None]]:
    """Empties the queue, and does so at the end."""

    def clear() -> None:
        if keys := list((tq.kv_list("train") or {}).get("train", {})):
            tq.kv_clear(keys=keys, partition_id="train")

    yield clear
    clear()


def sampled(buffer):
    """Keys, tags and metrics of two samples of a buffer that finds nothing finished at first."""
    for uid in PROMPTS:
        put(uid, "running", step_of(uid), rollouts=GROUP)
    pause, looked = buffer._wait_for_next_poll, threading.Event()
    buffer._wait_for_next_poll = lambda *arguments: looked.set() or pause(*arguments)
    threading.Thread(target=finish, args=[looked], daemon=True).start()
    batches = []
    for _ in range(2):
        batch, metrics = buffer.sample(global_steps=2, partition_id="train", batch_size=3)
        tq.kv_clear(keys=batch.keys, partition_id="train")
        batches.append((batch.keys, batch.tags, metrics))
    return batches


@pytest.mark.parametrize(
    ("mode", "ours", "verls"),
    [("sync", replay_buffer.ReplayBuffer, Own), ("colocate_async", replay_buffer.ReplayBufferAsync, OwnAsync)],
)
def test_the_same_keys_come_in_the_same_order(empty_queue, mode, ours, verls):
    found = []
    for asked in (buffer(ours, mode), buffer(verls, mode, poll_interval=0.3)):
        empty_queue()
        found.append(sampled(asked))
    assert found[0] == found[1]
    assert [len(keys) for keys, _, _ in found[0]] == [3 * GROUP] * 2
    assert {key.split("_")[0] for keys, _, _ in found[0] for key in keys} == set(FINISHING)
