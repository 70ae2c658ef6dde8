"""What is particular to the tool-calling configuration."""

import asyncio

import pytest
from omegaconf import MissingMandatoryValue, OmegaConf
from verl.trainer.ppo.reward import get_custom_reward_fn

from gd2po.hosts.verl.reading.run_settings import check_run

TASK, REWARDS = "tool-calling", ("correctness_length", "correctness_length_format")


def _scores(config, text: str) -> dict:
    """The result of the run's reward function, as verl's reward managers await it."""
    function = get_custom_reward_fn(config)
    return asyncio.run(function(data_source="rlla", solution_str=text, ground_truth=text))


@pytest.mark.parametrize("rewards", REWARDS)
def test_the_reward_function_scores_what_the_run_declares(rewards: str, run) -> None:
    config = run(TASK, "gd2po_hard", rewards, "8gpu")
    assert set(check_run(config).rewards) == set(rewards.split("_"))
    gold = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
    assert _scores(config, gold) == {
        "score": 4.0 if "format" in rewards else 3.0,
        "correctness": 3,
        "format": 1,
        "length": 0,
    }


def test_nothing_is_missing_but_the_reward_model_it_does_not_use(run) -> None:
    assert OmegaConf.missing_keys(run(TASK, "gdpo", REWARDS[0], "8gpu")) == {"reward.reward_model.rollout.name"}


@pytest.mark.parametrize("key", ["run.model", "actor_rollout_ref.model.path"])
def test_a_run_without_a_model_is_refused(key: str, run) -> None:
    with pytest.raises(MissingMandatoryValue):
        OmegaConf.to_container(run(TASK, "gdpo", REWARDS[0], "8gpu", f"{key}=???"), throw_on_missing=True)


def test_weights_and_options_can_be_overridden(run) -> None:
    options = "+reward.custom_reward_function.reward_kwargs.target_words=32"
    config = run(TASK, "gdpo", REWARDS[0], "8gpu", "algorithm.gd2po.rewards.length.weight=0.5", options)
    assert check_run(config).rewards["length"].weight == 0.5
    gold = "<think> one two three four </think>\n<response> done </response>"
    assert _scores(config, gold)["length"] == 0.12
