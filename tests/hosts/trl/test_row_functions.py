"""Reward functions for one response, as verl calls them, in TRL."""

import threading
from types import SimpleNamespace

import pytest

from gd2po.errors import RewardError, SettingsError
from gd2po.hosts.trl.reward_columns import named_functions
from gd2po.hosts.trl.row_functions import by_row, response_text
from gd2po.rewards.declared import called_in_threads, checked_by
from gd2po.rewards.tool_calling import compute_score

GOLD = '<think>t</think>\n<tool_call>\n{"name": "weather", "parameters": {"city": "Rome"}}\n</tool_call>'


def test_the_rewards_of_tool_calling_score_each_completion():
    rewards = by_row(compute_score)
    completions = [[{"role": "assistant", "content": GOLD}], [{"role": "assistant", "content": "Rome"}]]
    right, wrong = rewards(completions=completions, reward_model=[{"ground_truth": GOLD}] * 2, prompts=[[], []])
    assert (right["correctness"], right["format"]) == (3.0, 1.0)
    assert (wrong["correctness"], wrong["format"]) == (-3.0, 0.0)
    assert named_functions(rewards, ["correctness", "length"])[0][0] == ("correctness", "length")


def test_schedules_see_the_number_of_updates_and_options_are_passed_on():
    def score(data_source, solution_str, ground_truth, extra_info, *, scale):
        return {"late": scale * extra_info["global_steps"], "source": len(data_source) + extra_info["index"]}

    columns = {"reward_model": [{"ground_truth": ""}], "data_source": ["ab"], "extra_info": [{"index": 5}]}
    scored = by_row(score, scale=2.0)(completions=["x"], trainer_state=SimpleNamespace(global_step=7), **columns)
    assert scored == [{"late": 14.0, "source": 7}]


def test_the_number_of_generated_tokens_reaches_the_function():
    def score(data_source, solution_str, ground_truth, extra_info):
        return {"length": extra_info["response_tokens"]}

    truths = [{"ground_truth": ""}] * 2
    scored = by_row(score)(completions=["x", "y"], reward_model=truths, completion_ids=[[1, 2, 3], [4]])
    assert scored == [{"length": 3}, {"length": 1}]


def test_a_data_set_without_ground_truths_is_named():
    with pytest.raises(RewardError, match="'compute_score' needs a ground truth: found no column reward_model"):
        by_row(compute_score)(completions=["x"])


def test_only_what_the_policy_wrote_is_scored():
    messages = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "21 degrees"},
        {"role": "assistant", "content": "warm"},
    ]
    assert response_text(messages) == "\nwarm" and response_text("warm") == "warm"


def test_a_function_that_waits_is_called_for_several_rows_at_one_time():
    both = threading.Barrier(2, timeout=20)

    @called_in_threads
    def score(data_source, solution_str, ground_truth, extra_info):
        both.wait()  # breaks where the rows are scored one after the other
        return {"text": solution_str}

    scored = by_row(score)(completions=["x", "y"], reward_model=[{"ground_truth": ""}] * 2)
    assert scored == [{"text": "x"}, {"text": "y"}]


def test_options_that_cannot_work_are_refused_at_once():
    def check(**options):
        raise SettingsError(f"no sandbox for {options}")

    @checked_by(check)
    def score(data_source, solution_str, ground_truth, extra_info, **options): ...

    with pytest.raises(SettingsError, match=r"no sandbox for {'unsafe': False}"):
        by_row(score, unsafe=False)
