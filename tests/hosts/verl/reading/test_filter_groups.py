"""The settings of verl's group filter: what is refused, what is said, and how many prompts a step may generate."""

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.filter_groups import GroupFilterSettings
from gd2po.hosts.verl.reading.run_settings import cautions, check_run

ON = "algorithm.filter_groups.enable=true"
VOTES = (ON, "algorithm.filter_groups.metric=gd2po")
MODEL = "+algorithm.gd2po.rewards.a.model={path: model, measures: other, placement: colocated}"
SAMPLER = ["trainer.v1.sampler.custom_sampler.path=a.py", "trainer.v1.sampler.custom_sampler.name=Own"]


@pytest.fixture
def config(verl_config, rewards):
    def config(*overrides, estimator="gd2po"):
        return verl_config(f"algorithm.adv_estimator={estimator}", *rewards("a", "b"), *overrides)

    return config


def test_it_is_off_in_verls_own_configuration(config):
    assert GroupFilterSettings.of(config()) is None


@pytest.mark.parametrize(("mode", "each"), [("sync", 2), ("colocate_async", 1), ("separate_async", 1)])
@pytest.mark.parametrize(("batches", "refills"), [(0, None), (-1, None), (2, 16), (4, 48)])
def test_a_limit_counts_whole_batches(config, mode, each, batches, refills):
    limit = f"algorithm.filter_groups.max_num_gen_batches={batches}"
    groups = GroupFilterSettings.of(
        config(*VOTES, limit, "data.train_batch_size=16", f"trainer.v1.trainer_mode={mode}")
    )
    assert (groups.metric, groups.refills, groups.prompts_per_eviction) == ("gd2po", refills, each)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([MODEL], r"a reward model is colocated and scores after verl has chosen the groups.*own_gpus or server"),
        (["reward.reward_model.enable=true"], r"reward\.reward_model\.enable_resource_pool=true"),
        (SAMPLER, r"custom_sampler is Own, which chooses groups by itself"),
        (["+algorithm.gd2po.normalise=batch"], r"the normaliser batch gives votes to groups whose rollouts tie"),
        (["algorithm.filter_groups.max_num_gen_batches=1"], r"max_num_gen_batches is 1.*set 2 or more, or 0"),
    ],
)
def test_what_cannot_work_is_refused_by_name(config, overrides, message):
    with pytest.raises(SettingsError, match=message):
        check_run(config(*VOTES, *overrides))


def test_grpo_has_one_number_and_is_sent_to_it(config):
    with pytest.raises(SettingsError, match=r"grpo sees their sum alone; set algorithm\.filter_groups\.metric=reward"):
        check_run(config(*VOTES, estimator="grpo"))
    assert not any("filter_groups" in caution for caution in said(config(ON, estimator="grpo")))


def said(config) -> list[str]:
    return list(cautions(config, check_run(config)))


@pytest.mark.parametrize("metric", ["reward", "a"])
def test_one_number_for_several_rewards_is_warned_of(config, metric):
    (caution,) = said(config(ON, f"algorithm.filter_groups.metric={metric}"))
    assert f"metric={metric} is one number" in caution and "of the rewards a, b" in caution
    assert "metric=gd2po keeps a group while any vote in it lives" in caution


def test_one_number_is_enough_for_one_reward(config):
    assert said(config(ON, "algorithm.gd2po.rewards.b.weight=0.0")) == []


def test_a_step_without_a_limit_is_warned_of(config):
    (caution,) = said(config(*VOTES))
    assert "generates prompts without end" in caution
    assert said(config(*VOTES, "algorithm.filter_groups.max_num_gen_batches=4")) == []
