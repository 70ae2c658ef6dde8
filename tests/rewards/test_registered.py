"""Rewards that plug-ins register, called by verl as one reward function."""

from dataclasses import dataclass
from unittest import mock

import pytest
from omegaconf import OmegaConf

from gd2po.errors import SettingsError
from gd2po.rewards.registered import REWARDS, compute_score, register_reward


@dataclass(frozen=True)
class BrevityOptions:
    words: int = 100


@pytest.fixture(autouse=True)
def registered():
    with mock.patch.dict(REWARDS._methods):
        register_reward("right")(lambda response, truth, extra: float(response == truth))

        @register_reward("brevity", BrevityOptions)
        def brevity(response, truth, extra, options):
            return max(0.0, 1 - len(response.split()) / options.words)

        yield


def test_rewards_are_chosen_by_name_with_their_options():
    rewards = OmegaConf.create({"correct": "right", "short": {"kind": "brevity", "words": 4}})
    assert compute_score("task", "a b", "a b", rewards=rewards) == {"correct": 1.0, "short": 0.5}


@pytest.mark.parametrize(
    ("choice", "message"),
    [("rihgt", "unknown reward 'rihgt'. Did you mean 'right'"), ({"kind": "right", "words": 4}, "choose 'brevity'")],
)
def test_an_unknown_reward_or_option_is_refused(choice, message):
    with pytest.raises(SettingsError, match=message):
        compute_score("task", "a", "b", rewards={"x": choice})
