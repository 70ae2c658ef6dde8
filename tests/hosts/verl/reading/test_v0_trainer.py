"""A run of verl's V0 trainer is accepted, and what that trainer does not have is refused with the remedy."""

import pytest
import ray

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.hosts.verl.reading.v0_trainer import is_checked, is_v0

VARIABLE = "GD2PO_GUARDS"
COLOCATED = "+algorithm.gd2po.rewards.a.model={path: m, placement: colocated, measures: other}"


@pytest.fixture
def config(verl_config, rewards):
    def config(*overrides):
        return verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b"), "trainer.use_v1=false", *overrides)

    return config


def test_a_run_of_v0_is_accepted(config, verl_config):
    assert check_run(config()) is not None
    assert is_v0(config()) and not is_v0(verl_config()) and not is_v0(config().actor_rollout_ref)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["algorithm.filter_groups.enable=true"], "V0 trainer has no group filter"),
        (["trainer.v1.trainer_mode=separate_async"], "trainer_mode is separate_async, but .* knows no modes"),
        (["+data.gen_batch_size=7"], "gen_batch_size is 7, which the V0 trainer takes for the prompts of a step"),
        (
            ["+algorithm.gd2po.rewards.a.model={path: m, placement: colocated, measures: helpfulness}"],
            "a reward model is colocated",
        ),
        (["reward.reward_model.enable=true"], "a reward model is colocated.*enable_resource_pool=true"),
    ],
)
def test_what_it_does_not_have_is_refused(config, overrides, message):
    with pytest.raises(SettingsError, match=f"{message}.*or set trainer.use_v1=true"):
        check_run(config(*overrides))


def test_the_actor_of_v0_knows_that_the_driver_has_checked(config, verl_config, monkeypatch):
    told = f"+ray_kwargs.ray_init.runtime_env.env_vars.{VARIABLE}=waits"
    assert not is_checked(config(told), VARIABLE), "Ray is not there yet, so this is the driver"
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    assert is_checked(config(told), VARIABLE)
    assert not is_checked(config(), VARIABLE) and not is_checked(verl_config(told), VARIABLE)
