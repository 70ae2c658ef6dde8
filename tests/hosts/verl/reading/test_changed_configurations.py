"""Configurations with values changed at random: each passes or is refused, and none ends in another error."""

import contextlib
import itertools
import random

import pytest
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import check_run

FUNCTION = "reward.custom_reward_function"
GD2PO = ["algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards={correct: {}, short: {direction: minimize}}"]
STOCK = ["algorithm.adv_estimator=gdpo", "+algorithm.gdpo_reward_keys=[acc,format]"]
RECIPES = {
    "settings": [*GD2PO, "data.train_batch_size=512", "actor_rollout_ref.rollout.n=8"],
    "filter": [*GD2PO, "+algorithm.gd2po.filter={kind: snr, threshold: 0.5}"],
    "gates": [*GD2PO, "+algorithm.gd2po.rewards.short.requires={correct: 1.0}", "+algorithm.gd2po.missing=error"],
    "timeout": [*GD2PO, "+algorithm.gd2po.reward_timeout=10", "+algorithm.gd2po.on_reward_timeout=not_scored"],
    "reported": ["algorithm.adv_estimator=grpo", GD2PO[1], "algorithm.norm_adv_by_std_in_grpo=false"],
    "stock": [*STOCK, "+algorithm.gdpo_reward_weights=[1.0,0.5]", "reward.reward_manager.name=gdpo"],
    "dapo": [*STOCK, "reward.reward_manager.name=dapo", "+reward.reward_kwargs.max_resp_len=1024"],
    "function": [*STOCK, f"{FUNCTION}.path=absent.py", f"+{FUNCTION}.reward_kwargs={{scale: 2}}"],
    "old function": [*STOCK, "custom_reward_function.path=rew.py", "custom_reward_function.name=good"],
    "old model": [*STOCK, "reward_model.enable=true", "reward_model.model.path=/model", "reward_model.num_workers=4"],
}
VALUES = [
    *(None, 0, -1, 2**70, 1.5, float("nan"), True, "", "4", "a,b", "[a", "???", "${x}", "${oc.env:ABSENT_VARIABLE}"),
    *([], {}, [1], ["a", "b"], {"a": None}, {"a": 1.0}, {1: 2}, {"a": {"weight": "x"}}, "x" * 3000, 10**400),
]
BLOCKS = ("algorithm", "reward", "custom_reward_function", "reward_model", "sandbox_fusion", "trainer", "data")


def places(node: DictConfig) -> list[tuple[DictConfig, str]]:
    """Every block of a configuration with each of its keys."""
    below = [place for child in node.values() if isinstance(child, DictConfig) for place in places(child)]
    return [*((node, key) for key in node), *below]


def change(config: DictConfig, randomly: random.Random) -> None:
    blocks = [config[name] for name in BLOCKS if isinstance(config[name], DictConfig)]
    with contextlib.suppress(OmegaConfBaseException):  # an earlier change made a block unreadable
        everywhere = places(randomly.choice([*blocks, config.actor_rollout_ref.rollout]))
        block, key = randomly.choice([*everywhere, (config, randomly.choice(BLOCKS))])
        if randomly.random() < 0.1:
            del block[key]
        else:
            block[key] = randomly.choice(VALUES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_passes_or_is_refused(verl_config, recipe):
    randomly = random.Random(recipe)
    for _ in itertools.repeat(None, 12):
        config = verl_config(*RECIPES[recipe])
        OmegaConf.set_struct(config, False)
        for _ in range(randomly.choice((1, 1, 2))):
            with contextlib.suppress(KeyError, OmegaConfBaseException):
                change(config, randomly)
        with contextlib.suppress(SettingsError):
            check_run(config)
