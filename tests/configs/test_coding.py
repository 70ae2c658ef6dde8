"""What is particular to the configuration of programming."""

import asyncio
import json

import pytest
from verl.trainer.ppo.reward import get_custom_reward_fn

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import check_run

TASK = "coding"
SETS = {
    "pass_length": {"pass_rate", "length"},
    "pass_length_bug": {"pass_rate", "length", "bug_free"},
    "toy": {"pass_rate", "length", "bug_free"},
}
TESTS = json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]})


@pytest.fixture(autouse=True)
def no_sandbox_is_tried(monkeypatch):
    monkeypatch.setattr("gd2po.rewards.coding.sandbox.processes.Bubblewrap.check", lambda self: None)


@pytest.mark.parametrize("scale", ["8gpu", "1gpu", "multinode", "cpu"])
@pytest.mark.parametrize("method", ["grpo", "gdpo", "gd2po_hard", "gd2po_snr"])
@pytest.mark.parametrize("rewards", SETS)
def test_every_run_is_accepted_with_its_rewards(rewards: str, method: str, scale: str, run) -> None:
    config = run(TASK, method, rewards, scale)
    settings = check_run(config)
    assert set(settings.rewards) == SETS[rewards]
    metric = config.algorithm.filter_groups.metric
    assert metric == ("reward" if method == "grpo" else "gd2po")


@pytest.mark.parametrize("rewards", ["pass_length", "pass_length_bug"])
def test_the_length_counts_where_every_test_passes(rewards: str, run) -> None:
    assert dict(check_run(run(TASK, "gdpo", rewards, "8gpu")).rewards["length"].requires) == {"pass_rate": 1.0}


def test_the_length_counts_in_generated_tokens(run) -> None:
    function = get_custom_reward_fn(run(TASK, "gd2po_hard", "pass_length", "8gpu"))

    def length(tokens: int) -> float:
        info = {"response_tokens": tokens}
        call = function(data_source="c", solution_str="no program", ground_truth=TESTS, extra_info=info)
        return asyncio.run(call)["length"]

    assert (length(4000), length(4001)) == (1, 0)


def test_a_run_without_a_sandbox_is_refused(run, monkeypatch) -> None:
    def refuse(self):
        raise SettingsError("pip install 'gd2po[coding]'")

    monkeypatch.setattr("gd2po.rewards.coding.sandbox.processes.Bubblewrap.check", refuse)
    with pytest.raises(SettingsError, match="pip install"):
        check_run(run(TASK, "gd2po_hard", "pass_length", "8gpu"))
