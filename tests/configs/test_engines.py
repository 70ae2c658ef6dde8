"""Other engines than FSDP and vLLM: each task and method composes with them, and verl builds its own settings."""

import inspect
import itertools
import warnings
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from verl.utils.config import omega_conf_to_dataclass, validate_config
from verl.workers.config import McoreActorConfig

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import models_of, served
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.hosts.verl.reward_models.configuration import check_reward_models
from gd2po.hosts.verl.step.skipping import skips, why_inexact


def default_rewards(base: Path) -> str:
    """The set of rewards that a task has when none is chosen."""
    return next(entry["rewards"] for entry in OmegaConf.load(base).defaults if "rewards" in entry)


ROOT = Path(__file__).parents[2]
METHODS = [path.stem for path in sorted((ROOT / "verl/gd2po/configs/method").glob("*.yaml"))]
TASKS = [path.parents[1].name for path in sorted(ROOT.glob("*/config/base.yaml"))]
REWARDS = {task: default_rewards(ROOT / task / "config" / "base.yaml") for task in TASKS}
MEGATRON, SGLANG = "model_engine=megatron", "actor_rollout_ref.rollout.name=sglang"
VARIANTS = {"megatron": (MEGATRON,), "sglang": (SGLANG,), "megatron-sglang": (MEGATRON, SGLANG)}
RUNS = [(task, method, "8gpu", "megatron-sglang") for task, method in itertools.product(REWARDS, METHODS)]
RUNS += [(task, "gd2po_hard", "8gpu", variant) for task in REWARDS for variant in ("megatron", "sglang")]
RUNS += [(task, "gd2po_hard", scale, "megatron-sglang") for task in REWARDS for scale in ("1gpu", "multinode")]


@pytest.mark.parametrize("chosen", RUNS, ids="-".join)
def test_verl_and_we_accept_it(chosen: tuple[str, ...], run) -> None:
    task, method, scale, variant = chosen
    config = run(task, method, REWARDS[task], scale, *VARIANTS[variant]).copy()
    assert check_run(config).estimator == method.split("_")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Megatron's sequence parallelism needs tensor parallelism
        inspect.unwrap(validate_config)(config, use_reference_policy=False, use_critic=False)
        actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    rollout = omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    assert isinstance(actor, McoreActorConfig) == ("megatron" in variant)
    assert rollout.name == ("sglang" if "sglang" in variant else "vllm")


@pytest.mark.parametrize(("scale", "offload"), [("1gpu", True), ("8gpu", False)])
@pytest.mark.parametrize(("engine", "block"), [("dp", "fsdp_config"), ("megatron", "megatron")])
def test_one_setting_offloads_with_either_engine(scale: str, offload: bool, engine: str, block: str, run) -> None:
    actor = run(
        "tool-calling", "gdpo", REWARDS["tool-calling"], scale, f"model_engine={engine}"
    ).actor_rollout_ref.actor
    assert (actor[block].param_offload, actor[block].optimizer_offload) == (offload, offload)
    assert ("megatron" in actor, "fsdp_config" in actor) == (engine == "megatron", engine == "dp")


def test_megatron_computes_activations_again_as_fsdp_does(run) -> None:
    actor = run("tool-calling", "gd2po_hard", "correctness_length", "8gpu", MEGATRON).actor_rollout_ref.actor
    assert actor.megatron.override_transformer_config.recompute_granularity == "full"


def test_megatron_does_not_leave_masked_rows_out_and_says_so(run) -> None:
    config = run("tool-calling", "gd2po_hard", "correctness_length", "8gpu", MEGATRON)
    settings = check_run(config)
    assert not skips(config, settings)
    assert list(why_inexact(config)) == ["actor.strategy=megatron makes its micro-batches elsewhere"]
    with pytest.raises(SettingsError, match=r"skip_masked is true, but it would change the update: .*megatron"):
        skips(config, settings.model_copy(update={"skip_masked": True}))


def test_reward_models_are_served_by_the_engine_of_the_rollouts(run) -> None:
    config = run("safe-alignment", "gd2po_hard", "helpful_safe", "8gpu", MEGATRON, SGLANG)
    assert {served(config, model).engine for _, model in models_of(check_run(config))} == {"sglang"}


def test_a_guard_on_sglang_is_refused(run) -> None:
    config = run("safe-alignment", "gd2po_hard", "helpful_guard", "8gpu", SGLANG).copy()
    with pytest.raises(SettingsError, match=r"guard on SGLang.*engine: vllm"):
        check_reward_models(config, check_run(config))
