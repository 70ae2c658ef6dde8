"""What is refused before Ray starts, and what is filled in."""

import pytest

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import MANAGER
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.hosts.verl.reward_models.configuration import check_engines, check_reward_models

SERVED = {"path": "/m", "placement": "server", "url": "[http://10.0.0.5:8000]"}


@pytest.fixture
def checked(verl_config):
    def check(*overrides):
        config = verl_config("algorithm.adv_estimator=gd2po", *overrides)
        check_reward_models(config, check_run(config))
        return config

    return check


def test_without_models_nothing_changes(checked, rewards):
    config = checked(*rewards("a", "b"))
    assert config.reward.reward_manager.name == "naive"


def test_named_models_are_asked_by_our_manager(checked, model_overrides):
    config = checked(*model_overrides("useful", **SERVED), *model_overrides("harmless", **SERVED))
    assert config.reward.reward_manager.module.path == MANAGER["module"]["path"]
    assert config.reward.reward_manager.name == MANAGER["name"]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (["reward.reward_model.enable=true"], "names models too .useful.; declare that model as another named reward"),
        (["+algorithm.gd2po.rewards.short.weight=1"], "rewards.short has neither a model nor a reward function"),
        (["reward.reward_manager.name=dapo"], "reward_manager.name is 'dapo', .* leave it at 'naive'"),
    ],
)
def test_what_cannot_work_is_refused_with_its_remedy(checked, model_overrides, others, message):
    with pytest.raises(SettingsError, match=message):
        checked(*model_overrides("useful", **SERVED), *others)


def test_a_guard_on_sglang_is_refused(checked, model_overrides):
    guard = model_overrides("harm", path="/m", kind="guard", engine="sglang")
    with pytest.raises(SettingsError, match=r"rewards\.harm\.model is a guard on SGLang, .* set its engine: vllm"):
        checked(*guard)


def test_a_name_that_model_and_function_both_give_is_refused(checked, model_overrides):
    function = "reward.custom_reward_function.path=pkg://gd2po.rewards.tool_calling"
    with pytest.raises(
        SettingsError, match=r"rewards\.format has a model, and the reward function .* returns 'format'"
    ):
        checked(*model_overrides("format", **SERVED), function)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"path": "/m", "placement": "server"}, "needs the url of a running server"),
        ({"path": "/m", "url": "[http://10.0.0.5:8000]"}, "the other placements start one themselves"),
        ({"path": "/m", "kind": "scaler"}, "model.kind: found 'scaler'"),
        ({"path": "/m", "measures": "nonsense"}, "model.measures: found 'nonsense'"),
        ({"path": "/m", "max_lenght": 5}, "max_lenght: unknown setting. Did you mean 'max_length'"),
    ],
)
def test_a_model_block_that_says_nothing_sound_is_refused(checked, model_overrides, model, message):
    with pytest.raises(SettingsError, match=message):
        checked(*model_overrides("useful", **model))


@pytest.fixture
def engines(verl_config):
    """Checks which engines serve the models, on verl's configuration as the hardware has left it."""

    def check(*overrides, device="cuda"):
        config = verl_config("algorithm.adv_estimator=gd2po", f"trainer.device={device}", *overrides)
        check_engines(config, check_run(config))

    return check


def test_engines_that_serve_are_accepted(engines, model_overrides):
    vllm = "actor_rollout_ref.rollout.name=vllm"
    colocated = [*model_overrides("useful", path="/m"), *model_overrides("harmless", path="/m", engine="sglang")]
    engines(vllm, *colocated, *model_overrides("kind", path="/m", placement="own_gpus"))
    engines(vllm, *model_overrides("useful", **SERVED), device="cpu")
    ours = [option for name in "abc" for option in model_overrides(name, path="/m", engine="transformers")]
    engines(vllm, *ours, device="cpu")


def test_a_third_colocated_model_is_refused(engines, model_overrides):
    three = [option for name in "abc" for option in model_overrides(name, path="/m", engine="vllm")]
    with pytest.raises(
        SettingsError, match=r"3 reward models are colocated \(a, b, c\), and verl has room for 2 .*own"
    ):
        engines(*three)


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        ("transformers", "cuda", r"rewards\.a\.model is to be served by 'transformers', which is for machines without"),
        ("no_such_engine", "cpu", r"served by 'no_such_engine', which is not installed; set its engine: transformers"),
    ],
)
def test_an_engine_that_cannot_serve_here_is_refused(engines, model_overrides, engine, device, message):
    with pytest.raises(SettingsError, match=message):
        engines(*model_overrides("a", path="/m", engine=engine), device=device)
