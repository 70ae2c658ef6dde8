"""Keys that verl still accepts and no longer reads, taken from verl's own configuration."""

import re
from pathlib import Path

import pytest
import verl
from omegaconf import OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.legacy_keys import LEGACY_BLOCKS, successor
from gd2po.hosts.verl.reading.run_settings import check_run

OURS = ["algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards={a: {}, b: {}}"]
STOCK = OmegaConf.load(Path(verl.__file__).parent / "trainer" / "config" / "legacy_reward_impl.yaml")
WITHOUT_SUCCESSOR = {"reward_model.model.external_lib", "reward_model.model.trust_remote_code"}


def keys_of(block, prefix: str = "") -> list[str]:
    below = [keys_of(v, f"{prefix}{k}.") if OmegaConf.is_dict(v) else [f"{prefix}{k}"] for k, v in block.items()]
    return [key for keys in below for key in keys]


KEYS = keys_of(STOCK)


def test_the_blocks_are_those_of_verl():
    assert set(STOCK) == set(LEGACY_BLOCKS)


@pytest.mark.parametrize("key", KEYS)
def test_each_is_refused_with_the_key_that_verl_reads(verl_config, key):
    with pytest.raises(SettingsError) as refused:
        check_run(verl_config(*OURS, f"{key}=5"))
    if key in WITHOUT_SUCCESSOR:
        assert f"{key}=5: has no successor" in str(refused.value)
        return
    new = successor(key)
    assert f"{key}=5: write {new}=5" in str(refused.value)
    config = verl_config()
    block, _, name = new.rpartition(".")
    assert name in set(OmegaConf.select(config, block)), "verl has the new key"


def test_successors_are_those_to_which_verl_moves_values_where_it_does(verl_config):
    """In its fully asynchronous trainer. It moves a class name to a key that its loader of reward managers ignores."""
    from verl.experimental.reward_loop import migrate_legacy_reward_impl

    values = {key: number for number, key in enumerate(KEYS)}
    config = migrate_legacy_reward_impl(verl_config(*(f"{key}={value}" for key, value in values.items())))
    elsewhere = {"reward_model.reward_loop_class_name", *WITHOUT_SUCCESSOR}
    moved = {key: OmegaConf.select(config, successor(key)) for key in KEYS if key not in elsewhere}
    assert moved == {key: value for key, value in values.items() if key not in elsewhere}


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("reward_model.enable=false", "write reward.reward_model.enable=false"),
        ("+custom_reward_function.reward_kwargs.k=1", "write +reward.custom_reward_function.reward_kwargs.k=1"),
        ("+reward_model.reward_kwargs.max_resp_len=9", "write +reward.reward_kwargs.max_resp_len=9"),
        ("+reward_model.overlong_buffer.len=9", "write +reward.reward_kwargs.overlong_buffer_cfg.len=9"),
        ("+reward_model.launch_reward_fn_async=true", "has no successor; remove it"),
        ("data.reward_fn_key=source", "data.reward_fn_key=source: rename this column of the data to data_source"),
    ],
)
def test_so_are_those_that_recipes_add(verl_config, override, line):
    with pytest.raises(SettingsError, match=re.escape(line)):
        check_run(verl_config(*OURS, override))


def test_all_are_named_at_once(verl_config):
    old = ["custom_reward_function.path=rew.py", "custom_reward_function.name=good", "reward_model.reward_manager=dapo"]
    with pytest.raises(SettingsError, match=r"custom_reward_function\.path=rew\.py(?s:.*)name=good(?s:.*)name=dapo"):
        check_run(verl_config(*OURS, *old))


CASE = Path(__file__).parents[5] / "shared" / "cases" / "legacy_key" / "rew.py"


@pytest.mark.skipif(not CASE.is_file(), reason="this input is kept beside the repository")
def test_a_recipe_with_the_old_key_of_the_reward_function(verl_config):
    old = [f"custom_reward_function.path={CASE}", "custom_reward_function.name=good"]
    with pytest.raises(SettingsError, match=r"write reward\.custom_reward_function\.name=good"):
        check_run(verl_config(*OURS, *old))
    assert check_run(verl_config(*OURS, *(f"reward.{override}" for override in old))) is not None


def test_runs_of_others_are_left_alone(verl_config):
    assert check_run(verl_config("algorithm.adv_estimator=grpo", "reward_model.reward_manager=dapo")) is None
