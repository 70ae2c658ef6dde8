"""What is particular to the configuration of mathematics."""

import asyncio

import pytest
from omegaconf import OmegaConf
from verl.trainer.ppo.reward import get_custom_reward_fn

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.rewards.math.scoring import check_options

TASK = "math-reasoning"
SETS = {
    "accuracy": {"correctness"},
    "accuracy_length": {"correctness", "length"},
    "accuracy_conditioned_length": {"correctness", "length"},
    "gsm8k_trio": {"correctness", "format", "integer"},
    "toy": {"correctness", "length", "format"},
}
METHODS = ("grpo", "gdpo", "gdpo_floored", "gdpo_shrunk", "gd2po_hard", "gd2po_snr", "gd2po_guard")


def _scores(config, text: str, truth: str, tokens: int) -> dict:
    """The result of the run's reward function, as verl's reward managers await it."""
    function = get_custom_reward_fn(config)
    info = {"response_tokens": tokens}
    return asyncio.run(function(data_source="m", solution_str=text, ground_truth=truth, extra_info=info))


@pytest.mark.parametrize("scale", ["8gpu", "1gpu", "multinode", "cpu"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rewards", SETS)
def test_every_run_is_accepted_with_its_rewards(rewards: str, method: str, scale: str, run) -> None:
    config = run(TASK, method, rewards, scale)
    settings = check_run(config)
    assert set(settings.rewards) == SETS[rewards]
    metric = config.algorithm.filter_groups.metric
    assert metric == ("reward" if method == "grpo" else "gd2po")


def test_the_length_counts_up_to_its_limit_in_generated_tokens(run) -> None:
    config = run(TASK, "gd2po_hard", "accuracy_length", "8gpu")
    assert _scores(config, "so \\boxed{7}", "7", 4000)["length"] == 1
    assert _scores(config, "so \\boxed{7}", "7", 4001)["length"] == 0


def test_the_conditioned_length_counts_where_the_answer_is_right(run) -> None:
    rewards = check_run(run(TASK, "gdpo", "accuracy_conditioned_length", "8gpu")).rewards
    assert dict(rewards["length"].requires) == {"correctness": 1.0}
    assert not check_run(run(TASK, "gdpo", "accuracy_length", "8gpu")).rewards["length"].requires


def test_the_trio_asks_for_tags(run) -> None:
    config = run(TASK, "gd2po_hard", "gsm8k_trio", "8gpu")
    scores = _scores(config, "<think>3 + 4</think>\n<answer>7</answer>", "7", 9)
    assert (scores["correctness"], scores["format"], scores["integer"]) == (1, 1, 1)
    assert _scores(config, "so \\boxed{7}", "7", 9)["correctness"] == 0
    assert config.data.train_files.endswith("train_tags.parquet") and config.data.max_response_length == 1024


def test_nothing_is_missing_but_the_reward_model_it_does_not_use(run) -> None:
    assert OmegaConf.missing_keys(run(TASK, "gdpo", "accuracy", "8gpu")) == {"reward.reward_model.rollout.name"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("reward.custom_reward_function.reward_kwargs.max_tokens=0", "max_tokens is 0"),
        ("+reward.custom_reward_function.reward_kwargs.max_token=9", "no option 'max_token'"),
        ("+reward.custom_reward_function.reward_kwargs.style=boxes", "style is 'boxes'"),
    ],
)
def test_a_wrong_option_is_refused_before_the_run(override: str, message: str, run) -> None:
    with pytest.raises(SettingsError, match=message):
        check_run(run(TASK, "gdpo", "accuracy_length", "8gpu", override))


def test_a_machine_without_math_verify_is_refused_before_the_run(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'gd2po\[math\]'"):
        check_options(max_tokens=4000)
