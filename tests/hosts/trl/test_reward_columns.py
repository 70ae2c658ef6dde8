"""Reward functions of every shape, as one column for each named reward."""

import asyncio
import math

import numpy as np
import pytest

from gd2po.errors import RewardError, SettingsError
from gd2po.hosts.trl.reward_columns import columns_of, named_functions, scores_of
from gd2po.rewards import returns_rewards

TEXTS = ["a", "bb", "ccc"]


def correctness(completions, **_):
    return [1.0] * len(completions)


def both(completions, **_):
    both.calls += 1
    return {"correctness": [1, 0, None], "brevity": np.array([0.5, 0.25, 0.0])}


def names_of(reward_funcs, declared):
    return [names for names, _ in named_functions(reward_funcs, declared)]


def test_functions_are_named_by_key_by_mark_by_name_or_by_what_is_left():
    marked = returns_rewards("brevity", "tokens")(lambda completions: {})
    assert names_of({"brevity": correctness}, ["brevity"]) == [("brevity",)]
    assert names_of({("a", "b"): both}, ["a", "b"]) == [("a", "b")]
    assert names_of([correctness, marked], ["correctness", "brevity"]) == [("correctness",), ("brevity",)]
    assert names_of([correctness, both], ["correctness", "a", "b"]) == [("correctness",), ("a", "b")]
    assert names_of(both, ["a", "b"]) == [("a", "b")]
    assert names_of(None, ["a"]) == []


@pytest.mark.parametrize(
    ("reward_funcs", "words"),
    [
        ({"corectness": correctness}, "reward_funcs names 'corectness'.*Did you mean 'correctness'"),
        ([correctness, both, max], "'both' is not named like a declared reward"),
        ({"correctness": correctness, ("correctness", "brevity"): both}, "two reward functions give .*'correctness'"),
        ([returns_rewards("x")(lambda completions: {})], "returns x, of which none is declared"),
    ],
)
def test_names_that_do_not_fit_are_refused(reward_funcs, words):
    with pytest.raises(SettingsError, match=words):
        named_functions(reward_funcs, ["correctness", "brevity"])


def test_a_function_of_several_rewards_is_called_once_for_each_batch():
    both.calls = 0
    first, second = columns_of(("correctness", "brevity"), both)
    assert (first.__name__, second.__name__) == ("correctness", "brevity")
    for batch in (list(TEXTS), list(TEXTS)):
        assert first(completions=batch, prompts=batch)[:2] == [1.0, 0.0]
        assert second(completions=batch, prompts=batch) == [0.5, 0.25, 0.0]
    assert both.calls == 2
    assert math.isnan(first(completions=TEXTS)[2])


def test_an_asynchronous_function_of_several_rewards_is_awaited_once():
    calls = []

    async def judged(completions, **_):
        calls.append(len(completions))
        await asyncio.sleep(0)
        return [{"correctness": 1.0, "brevity": 0.1 * row} for row in range(len(completions))]

    async def gather():
        columns = columns_of(("correctness", "brevity"), judged)
        return await asyncio.gather(*(column(completions=TEXTS, prompts=TEXTS) for column in columns))

    assert asyncio.run(gather()) == [[1.0, 1.0, 1.0], pytest.approx([0.0, 0.1, 0.2])]
    assert calls == [3]


def test_a_reward_model_passes_unchanged_and_gives_one_score():
    assert columns_of(("harm",), "org/reward-model") == ["org/reward-model"]
    with pytest.raises(SettingsError, match="gives one score"):
        columns_of(("harm", "help"), "org/reward-model")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({"brief": [1, 2, 3]}, "'brevity' is declared, but .*returned: brief.*Known: brief"),
        ([{"brief": 1.0}] * 3, "did not return it"),
        ([1.0, 2.0, 3.0], "returned one list of numbers"),
        ({"brevity": [1.0]}, "found 1 scores for 3 completions"),
        ({"brevity": [1.0, "good", 2.0]}, "'brevity' of completion 1: found 'good'"),
        ({"brevity": [1.0, math.inf, 2.0]}, "completion 1: found inf"),
    ],
)
def test_what_is_no_score_is_refused(returned, words):
    with pytest.raises(RewardError, match=words):
        scores_of("brevity", ("brevity", "correctness"), returned, 3)


def test_a_row_may_lack_a_reward_that_other_rows_have():
    scores = scores_of("brevity", ("brevity", "correctness"), [{"brevity": 1}, None, {"correctness": 1}], 3)
    assert scores[0] == 1.0 and math.isnan(scores[1]) and math.isnan(scores[2])
