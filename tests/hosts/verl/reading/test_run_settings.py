"""What is refused before Ray starts, with the remedy named."""

import importlib.util
import math

import pytest
import torch

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.run_settings import caution_about_scores, cautions, check_run, settings_of
from gd2po.settings import Settings

AB = ["+algorithm.gd2po.rewards.a.weight=1.0", "+algorithm.gd2po.rewards.b.weight=2.0"]
POOLED, CENTRED = ([*AB, f"+algorithm.gd2po.normalise={kind}"] for kind in ("pooled", "group_mean"))
GUARDED = ["+algorithm.gd2po.filter={kind: guard, min_kept: 0.7}"]
REWARD_FILE = """
from gd2po.rewards import returns_rewards

@returns_rewards("correctness", "length")
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"correctness": 1.0, "length": 0.5}
"""


@pytest.mark.parametrize("estimator", ["gae", "rloo", "grpo"])
def test_without_the_block_other_recipes_are_left_alone(verl_config, estimator):
    assert check_run(verl_config(f"algorithm.adv_estimator={estimator}", "actor_rollout_ref.rollout.n=1")) is None


def test_defaults_and_overrides_resolve(verl_config):
    settings = check_run(
        verl_config("algorithm.adv_estimator=gd2po", *AB, "+algorithm.gd2po.rewards.b.direction=minimize")
    )
    assert settings.resolved() == {
        "estimator": "gd2po",
        "rewards": {
            "a": {"weight": 1.0, "direction": "maximize", "requires": {}},
            "b": {"weight": 2.0, "direction": "minimize", "requires": {}},
        },
        "filter": {"kind": "hard"},
        "reweight": "keep_ratio",
        "norm_by_std": True,
        "whiten": "tokens",
        "missing": "drop",
        "skip_masked": "auto",
    }


def test_stock_gdpo_keys_are_understood(verl_config):
    keys = ["+algorithm.gdpo_reward_keys=[a,b]", "+algorithm.gdpo_reward_weights=[1,0.5]"]
    settings = settings_of(verl_config("algorithm.adv_estimator=gdpo", *keys))
    assert {name: reward.weight for name, reward in settings.rewards.items()} == {"a": 1.0, "b": 0.5}


def test_norm_by_std_follows_verls_own_flag(verl_config):
    overrides = ["algorithm.adv_estimator=gd2po", *AB, "algorithm.norm_adv_by_std_in_grpo=false"]
    settings = settings_of(verl_config(*overrides))
    assert settings.normalise.kind == "group_mean" and settings.resolved()["norm_by_std"] is False
    both = settings_of(verl_config(*overrides, "+algorithm.gd2po.normalise=leave_one_out"))
    assert both.resolved()["normalise"] == {"kind": "leave_one_out"}


@pytest.mark.parametrize(
    ("estimator", "overrides", "message"),
    [
        ("gd2po", [], r"rewards: missing\. Name the rewards"),
        ("gd2po", ["+algorithm.gd2po.rewards={}"], "no reward is declared"),
        ("gd2po", [*AB, "+algorithm.gd2po.rewards.a.wieght=2"], r"rewards\.a\.wieght: unknown setting.*'weight'"),
        ("gd2po", [*AB, "+algorithm.gd2po.whitening=tokens"], r"whitening: unknown setting.*'whiten'"),
        ("gd2po", [*AB, "+algorithm.gd2po.rewards.a.requires.bb=1"], r"requires 'bb', which is not declared"),
        ("gd2po", ["+algorithm.gd2po.rewards.a.weight=inf"], r"weight: found inf; .*finite"),
        ("gd2po", [*AB, "+algorithm.gd2po.watch=[b]"], "watch names 'b', which is declared as a reward"),
        ("gd2po", ["+algorithm.gd2po.rewards.a.weight=0"], "every reward has weight 0"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter.kind=snrr"], r"unknown conflict filter 'snrr'. Did you mean 'snr'"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter={kind: snr, threshold: 1.5}"], r"threshold: found 1.5"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter.kind=snr", "+algorithm.gd2po.norm_by_std=false"], "norm_by_std: true"),
        ("gd2po", [*POOLED, "algorithm.norm_adv_by_std_in_grpo=false"], "pooled divides .* remove one of the two"),
        ("gd2po", [*CENTRED, "+algorithm.gd2po.norm_by_std=true"], "group_mean does not divide by one; remove"),
        ("gd2po", [*CENTRED, "+algorithm.gd2po.filter=share"], "the share filter compares .* or filter.kind: hard"),
        ("gdpo", [*CENTRED, "+algorithm.gd2po.combine=softmin"], "softmin compares .* or combine.kind: sum"),
        ("gd2po", [*AB, *GUARDED, "+algorithm.gd2po.combine=dvao"], "guard filter judges the sum .* combine.kind: sum"),
        ("gd2po", [*AB, "+algorithm.gd2po.norm_by_std=maybe"], r"norm_by_std: found 'maybe'; expected true or false"),
        ("gd2po", [*AB, "+algorithm.gd2po.normalise=flored"], "unknown normaliser 'flored'. Did you mean 'floored'"),
        ("gd2po", [*AB, "+algorithm.gd2po.normalise={kind: shrunk, share: 2}"], r"normalise\.share: found 2"),
        ("gd2po", [*AB, "+algorithm.gd2po.normalise={kind: pooled, share: 1}"], r"normalise\.share: .*choose 'shrunk'"),
        ("grpo", [*AB, "+algorithm.gd2po.normalise=floored"], "normalise is floored, but grpo runs as verl has it"),
        ("gd2po", [*AB, "+algorithm.gd2po.combine=summ"], r"combine: unknown combination 'summ'. Did you mean 'sum'"),
        ("grpo", [*AB, "+algorithm.gd2po.combine=sum"], "choose adv_estimator=gd2po or gdpo or remove the combine"),
        ("gd2po", [*AB, "algorithm.use_kl_in_reward=true"], "use_kl_loss"),
        ("gdpo", [*AB, "algorithm.use_kl_in_reward=true"], "use_kl_loss"),
        ("grpo", [*AB, "+algorithm.gd2po.rewards.a.target=0.5"], "the weight of a moves, but verl computes"),
        ("gdpo", [*AB, "+algorithm.gd2po.filter.kind=hard"], "choose adv_estimator=gd2po or remove the filter"),
        ("gdpo", [*AB, "+algorithm.gd2po.reweight=none"], "choose adv_estimator=gd2po or remove the reweight"),
        ("grpo", [*AB, "+algorithm.gd2po.whiten=none"], "choose adv_estimator=gd2po or gdpo or remove the whiten"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter={kind: hard, threshold: 0.5}"], "reads no option.* choose 'snr'"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter={kind: snr, treshold: 0.5}"], "Did you mean 'threshold'"),
        ("gd2po", [*AB, "+algorithm.gd2po.filter.threshold=0.5"], "'hard' does not read this option"),
        ("gd2po", [*AB, "+algorithm.gd2po.kind=gdpo"], r"gd2po\.kind: unknown setting"),
        ("gd2po", [*AB, "+algorithm.gd2po.plugins=no_such_module"], "expected a list of modules"),
        ("gd2po", [*AB, "actor_rollout_ref.rollout.n=1"], r"rollout\.n is 1.*at least 2"),
        ("gae", AB, "reads none of it"),
        ("grpo", [*AB, "+algorithm.gd2po.norm_by_std=false"], "norm_adv_by_std_in_grpo=True; set that one"),
        ("gdpo", ["+algorithm.gdpo_reward_keys=[a,a]"], "names a reward twice"),
        ("gdpo", ["+algorithm.gdpo_reward_keys=[a,b]", "+algorithm.gdpo_reward_weights=[1,2,3]"], "3 values for 2"),
        ("gdpo", ["+algorithm.gdpo_reward_weights=[1,2]"], "without algorithm.gdpo_reward_keys"),
        ("gdpo", [*AB, "+algorithm.gdpo_reward_keys=[a]"], "both algorithm.gd2po.rewards and"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_its_remedy(verl_config, estimator, overrides, message):
    with pytest.raises(SettingsError, match=message):
        check_run(verl_config(f"algorithm.adv_estimator={estimator}", *overrides))


def test_what_is_chosen_is_kept_with_the_run_and_read_again(verl_config):
    chosen = ["+algorithm.gd2po.normalise={kind: shrunk, share: 0.3}", "+algorithm.gd2po.combine={kind: softmin}"]
    settings = settings_of(verl_config("algorithm.adv_estimator=gdpo", *AB, *chosen))
    resolved = settings.resolved()
    assert resolved["normalise"] == {"kind": "shrunk", "share": 0.3} and "norm_by_std" not in resolved
    assert resolved["combine"] == {"kind": "softmin", "sharpness": 1.0}
    assert Settings.parse(resolved).resolved() == resolved


def test_a_combination_without_its_package_is_refused(verl_config, monkeypatch):
    config = verl_config("algorithm.adv_estimator=gdpo", *AB, "+algorithm.gd2po.combine=upgrad")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
    with pytest.raises(SettingsError, match=r"combination upgrad .*pip install 'gd2po\[torchjd\]'"):
        settings_of(config)


def test_a_misspelt_reward_is_refused_where_the_function_says_what_it_returns(verl_config, tmp_path):
    path = tmp_path / "reward.py"
    path.write_text(REWARD_FILE)
    function = f"reward.custom_reward_function.path={path}"
    declared = "+algorithm.gd2po.rewards.{}.weight=1.0"
    assert check_run(verl_config("algorithm.adv_estimator=gd2po", declared.format("length"), function)) is not None
    with pytest.raises(SettingsError, match=r"'lenght'.*returns correctness, length\. Did you mean 'length'"):
        check_run(verl_config("algorithm.adv_estimator=gd2po", declared.format("lenght"), function))
    watched = "+algorithm.gd2po.watch=[corectness]"
    with pytest.raises(SettingsError, match=r"watch names 'corectness'.*Did you mean 'correctness'"):
        check_run(verl_config("algorithm.adv_estimator=gd2po", declared.format("length"), watched, function))


def test_the_check_is_the_first_thing_verl_does_with_a_configuration(verl_config):
    from verl.utils.config import validate_config

    with pytest.raises(SettingsError, match="every reward has weight 0"):
        validate_config(
            verl_config("algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards.a.weight=0"),
            use_reference_policy=False,
            use_critic=False,
        )


def test_what_is_seldom_meant_is_said(verl_config):
    many = [f"+algorithm.gd2po.rewards.r{i}.weight=1.0" for i in range(4)]
    config = verl_config("algorithm.adv_estimator=gd2po", "actor_rollout_ref.rollout.n=2", *many)
    said = list(cautions(config, settings_of(config)))
    assert len(said) == 2 and "rollout.n is 2" in said[0] and "88% of the rollouts" in said[1]
    calm = verl_config("algorithm.adv_estimator=gd2po", *AB)
    assert list(cautions(calm, settings_of(calm))) == []


@pytest.mark.parametrize(("threshold", "second", "said"), [(0.8, 1.0, True), (0.5, 1.0, False), (0.8, 0.5, False)])
def test_two_binary_rewards_make_a_high_threshold_the_hard_filter(verl_config, threshold, second, said):
    snr = f"+algorithm.gd2po.filter={{kind: snr, threshold: {threshold}}}"
    config = verl_config("algorithm.adv_estimator=gd2po", *AB, snr)
    scores = {"a": torch.tensor([0.0, 1.0, 1.0, math.nan]), "b": torch.tensor([1.0, second, 0.0, 0.0])}
    caution = caution_about_scores(config, settings_of(config), scores)
    assert (caution is not None) == said
    if said:
        assert "with rollout.n=4 every threshold above 0.5 masks what hard masks" in caution


def test_a_reward_without_settings_has_the_defaults(verl_config):
    settings = settings_of(verl_config("algorithm.adv_estimator=gd2po", "+algorithm.gd2po.rewards={a: null, b: {}}"))
    assert settings.rewards["a"] == settings.rewards["b"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+algorithm.gdpo_reward_keys='a,b'"], r"no list; write '\+algorithm.gdpo_reward_keys=\[a,b\]'"),
        (["+algorithm.gdpo_reward_keys=a"], r"write '\+algorithm.gdpo_reward_keys=\[a\]'"),
        (["+algorithm.gdpo_reward_keys=[1,2]"], "expected a list of names"),
        (["+algorithm.gdpo_reward_keys=[a,b]", "+algorithm.gdpo_reward_weights='1,2'"], r"reward_weights=\[1,2\]'"),
        (["+algorithm.gd2po.rewards=[a,b]"], r"found a list; write rewards: \{a: \{\}, b: \{\}\}"),
        (["+algorithm.gd2po.rewards={a: 1.0, b: null}"], r"write rewards: \{a: \{weight: 1.0\}, b: \{\}\}"),
        (["+algorithm.gd2po.rewards=a"], r"found 'a'; write rewards: \{a: "),
        (["+algorithm.gd2po.rewards={1: {}}"], r"the name 1 of a reward is no text; write it in quotes: '1'"),
        (["+algorithm.gd2po=[a,b]"], r"algorithm.gd2po is \['a', 'b'\]; expected settings"),
        ([*AB, "actor_rollout_ref.rollout.n='4'"], r"n is '4' \(text\).*write actor_rollout_ref.rollout.n=4, without"),
        ([*AB, "actor_rollout_ref.rollout.n=null"], "n is None"),
        ([*AB, "reward.reward_manager=dapo"], r"reward_manager is 'dapo' \(text\); expected the block of settings"),
        ([*AB, "actor_rollout_ref.rollout.n=4.5"], r"n is 4.5 \(float\); expected a whole number$"),
        ([*AB, "trainer.use_v1='yes'"], r"use_v1 is 'yes' \(text\); expected true or false"),
        ([*AB, "+algorithm.gd2po.missing=${no.such.key}"], "cannot be read: Interpolation key 'no.such.key' not found"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_with_the_line_to_write(verl_config, overrides, message):
    with pytest.raises(SettingsError, match=message):
        check_run(verl_config("algorithm.adv_estimator=gd2po", *overrides))
