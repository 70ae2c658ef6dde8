"""One call of a reward function, whatever it does."""

import asyncio
import math
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
import torch

from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.scores import read_scores
from gd2po.hosts.verl.step.reward_calls import THREADS, LimitedCalls, check_calls
from gd2po.insight.check.reading.cells import parse_number
from gd2po.rewards.scores import _say_booleans_count, as_score, shown
from gd2po.settings import Settings

RAISED = [StopIteration, SystemExit, KeyboardInterrupt, asyncio.CancelledError, RecursionError, MemoryError]


def settings(**options) -> Settings:
    return Settings.parse({"rewards": {"a": {}, "b": {}}, **options})


def call(function, **options):
    return asyncio.run(LimitedCalls(function, settings(**options))())


class Instance:
    async def __call__(self):
        return {"a": 1, "b": 2}


class Odd:
    """An object that raises at whatever is done to it."""

    def __repr__(self):
        raise TypeError("no text")

    def item(self):
        raise ZeroDivisionError

    __eq__ = __bool__ = __lt__ = __float__ = item


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("is_async", [True, False])
def test_whatever_is_raised_becomes_an_ordinary_error(error, is_async):
    def raises():
        raise error("no line")

    async def raises_async():
        raise error("no line")

    with pytest.raises(RewardError, match=rf"raised {error.__name__}: .*test_reward_calls.py:\d+\) on this rollout"):
        call(raises_async if is_async else raises)
    checked = check_calls(raises_async if is_async else raises, settings())
    with pytest.raises(RewardError, match=error.__name__):
        asyncio.run(checked()) if is_async else checked()


def test_a_cancellation_from_outside_stays_one():
    async def run():
        async def waits():
            await asyncio.sleep(60)

        task = asyncio.create_task(LimitedCalls(waits, settings())())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_an_instance_with_an_asynchronous_call_is_awaited():
    assert call(Instance()) == {"a": 1, "b": 2, "score": 3.0}


def slow():
    time.sleep(0.4)


async def slow_async():
    await asyncio.sleep(60)


@pytest.mark.parametrize("function", [slow, slow_async])
def test_a_call_that_takes_too_long_ends_the_run_or_is_not_scored(function):
    with pytest.raises(RewardError, match=r"not answered within 0\.05 s for this rollout.*reward_timeout to more"):
        call(function, reward_timeout=0.05)
    late = call(function, reward_timeout=0.05, on_reward_timeout="not_scored")
    assert late == {"a": None, "b": None, "score": 0.0}


def test_late_calls_leave_room_for_others():
    hanging, ended = 2 * THREADS, threading.Event()

    def sometimes_hangs(number):
        if number < hanging:
            ended.wait()
        return {"a": 1.0, "b": 1.0}

    async def run():
        calls = LimitedCalls(sometimes_hangs, settings(reward_timeout=0.5, on_reward_timeout="not_scored"))
        return await asyncio.gather(*(calls(number) for number in range(hanging + 20)))

    results = asyncio.run(run())
    ended.set()
    assert [result["a"] for result in results] == [None] * hanging + [1.0] * 20


def test_without_a_limit_a_call_may_take_its_time():
    assert settings(reward_timeout=None).resolved()["reward_timeout"] is None
    assert Settings.parse(settings(reward_timeout=None).resolved()).reward_timeout is None
    assert "reward_timeout" not in settings().resolved()
    with pytest.raises(RewardError, match="returned None"):
        call(slow, reward_timeout=None)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, r"returned None.*path without return.*\{\"a\": None, \"b\": None\}"),
        ((1.0, 2.0), r"returned \(1.0, 2.0\) \(tuple\).*Return \{\"a\": result\[0\], \"b\": result\[1\]\}"),
        ([1.0, 2.0, 3.0], r"\(list\).*Return \{\"a\": …"),
        (({"a": 1.0}, "log"), "Return the dict in it alone"),
        ([], r"returned \[\] \(list\).*Return \{\"a\": …, \"b\": …\}"),
        ("good", r"returned 'good' \(str\)"),
        ({"a": 1.0, "b": 2.0, 0: "x", None: "y"}, "keys that are no text for this rollout: 0, None; name each"),
        ({"a": 10**400, "b": 1.0}, r"reward 'a' of this rollout: found 1000.*… \(int\)"),
        ({"a": 10**9000, "b": 1.0}, r"found a value of type int that cannot be shown"),
        ({"a": Odd(), "b": 1.0}, r"found a value of type Odd that cannot be shown"),
    ],
)
def test_a_result_of_another_kind_is_named_with_a_remedy(result, message):
    with pytest.raises(RewardError, match=message):
        call(lambda: result)


def test_a_coroutine_that_nobody_awaits_is_named():
    async def scores():
        return {"a": 1.0}

    with pytest.raises(RewardError, match=r"\(coroutine\).*Await it"):
        check_calls(lambda: scores(), settings())()


@pytest.mark.parametrize("number", [0.5, 1, True, np.float32(0.5), torch.tensor(0.5)])
def test_a_number_alone_passes_as_verl_has_it(number):
    assert call(lambda: number) is number
    assert check_calls(lambda: number, settings())() is number


def test_the_trainer_says_what_to_return_in_place_of_a_number_alone():
    with pytest.raises(
        RewardError, match=r"'a' is declared.*named acc by verl; return \{\"a\": …, \"b\": …\} in its place"
    ):
        read_scores([{"acc": 0.5}], ["k"], ["a", "b"])
    with pytest.raises(RewardError, match=r"rollout k2 has none of.*named acc by verl"):
        read_scores([{"a": 1.0, "b": 1.0}, {"acc": 0.5}], ["k1", "k2"], ["a", "b"])
    assert read_scores([{"acc": 0.5}], ["k"], ["acc"])["acc"].tolist() == [0.5]


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), 1, Fraction(1), np.float32(1)])
def test_a_boolean_is_a_score_as_any_number(value):
    assert as_score("a", value, "x") == 1.0


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_the_same_score_in_a_check(value):
    assert as_score("a", value, "x") == parse_number(value) == float(value)


def test_booleans_are_said_once(caplog):
    _say_booleans_count.cache_clear()
    assert [as_score("a", value, "x") for value in (True, False, np.True_)] == [1.0, 0.0, 1.0]
    assert [record.message for record in caplog.records] == [
        "a reward function returns booleans as scores: True counts as 1, False as 0"
    ]


def test_what_is_shown_is_short():
    assert len(shown("x" * 10_000)) < 210 and math.isnan(as_score("a", None, "x"))
