"""Settings for a run without accelerator; they replace verl's stock values and no others."""

import importlib.util
import logging
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po import vllm_cpu as vllm
from gd2po.cpu_precision import Precision, choose_precision
from gd2po.cpu_threads import thread_variables
from gd2po.hosts.verl.cpu.forking import driver
from gd2po.hosts.verl.cpu.platform import NAME, VARIABLE
from gd2po.hosts.verl.cpu.resources import RayNeeds, ray_is_ours
from gd2po.hosts.verl.reading.names import ROLLOUT
from gd2po.pretrained.shape import count_weights

logger = logging.getLogger(__name__)

_ACTOR, _REF = "actor_rollout_ref.actor", "actor_rollout_ref.ref"
_ENGINES = (f"{_ACTOR}.fsdp_config", f"{_REF}.fsdp_config")
_MODEL, _ROLLOUT = "actor_rollout_ref.model", "actor_rollout_ref.rollout"
_REWARD_MODELS = "reward.reward_model.rollout"

ENGINE: dict[str, Any] = {
    # FSDP2 treats the host as a device like any other.
    "strategy": "fsdp2",
    # Compiling needs a C++ compiler and minutes.
    "use_torch_compile": False,
}
"""Settings of an FSDP engine on CPU."""

MODEL: dict[str, Any] = {
    # Packed sequences are a feature of flash-attention.
    "use_remove_padding": False,
    "override_config.attn_implementation": "sdpa",
    # Memory is what a host has plenty of.
    "enable_gradient_checkpointing": False,
}
"""Settings of a trained model on CPU."""

FIXED: dict[str, Any] = {
    "trainer.device": "cpu",
    **{f"{part}.{key}": value for part in _ENGINES for key, value in ENGINE.items()},
    **{f"{part}.{key}": ENGINE[key] for part in (_ACTOR, _REF) for key in ("strategy", "use_torch_compile")},
    **{f"{_MODEL}.{key}": value for key, value in MODEL.items()},
    f"{_REWARD_MODELS}.dtype": "float32",
    # Few cores: one process of each kind.
    "trainer.n_gpus_per_node": 1,
    f"{_ROLLOUT}.agent.num_workers": 1,
    "reward.num_workers": 1,
    "data.dataloader_num_workers": 0,
    "data.filter_overlong_prompts_workers": None,  # in the trainer's own
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
    "ray_kwargs.ray_init.include_dashboard": False,
    f"ray_kwargs.ray_init.runtime_env.env_vars.{VARIABLE}": NAME,
    f"{_ROLLOUT}.checkpoint_engine.update_weights_bucket_megabytes": 256,
}
"""Key → value for every run on CPU. A reference policy is set even if it is not used."""

SFT: dict[str, Any] = {
    "trainer.device": "cpu",
    **{f"engine.{key}": value for key, value in ENGINE.items()},
    **{f"model.{key}": value for key, value in MODEL.items()},
    "data.num_workers": 0,
    # Without packed sequences a micro-batch is padded to its longest row.
    "data.use_dynamic_bsz": False,
    "data.micro_batch_size_per_gpu": 1,
}
"""Key → value for a supervised warm start on CPU."""

_PACKAGE_OF = {"vllm": "vllm", "sglang": "sglang", "trtllm": "tensorrt_llm"}


def prepare_config(config: DictConfig) -> dict[str, Any]:
    """Complete the configuration for this hardware in place. A value that differs from verl's stock value is kept.

    Returns:
        The keys that were set, with their values.
    """
    stock = OmegaConf.load(str(files("verl.trainer.config") / "_generated_ppo_trainer.yaml"))
    assert isinstance(stock, DictConfig)
    changed: dict[str, Any] = {}
    for settings in (FIXED, _precision(config), _rollout(config), _reward_models()):
        changed |= complete(config, stock, settings)
    return changed | complete(config, stock, _ray(config))


def sft_precision(model: str) -> dict[str, Any]:
    """The settings of a supervised warm start that follow from the precision of its model on this machine."""
    choice = choose_precision(count_weights(model))
    return {"engine.mixed_precision": _mixed_precision(choice.precision)}


def _precision(config: DictConfig) -> dict[str, Any]:
    """The settings that follow from the precision of the trained model on this machine.

    The optimiser's weights are float32 in either: only passes are computed in the lower precision.
    """
    choice = choose_precision(count_weights(config.actor_rollout_ref.model.path))
    logger.warning("computing in %s: %s", choice.precision, choice.why)
    engines = {f"{part}.mixed_precision": _mixed_precision(choice.precision) for part in _ENGINES}
    return engines | {f"{_ROLLOUT}.dtype": choice.precision}


def _mixed_precision(precision: Precision) -> dict[str, str]:
    return {"param_dtype": "fp32" if precision == "float32" else "bf16", "reduce_dtype": "fp32", "buffer_dtype": "fp32"}


def complete(config: DictConfig, stock: DictConfig, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings in place that still have their value of ``stock``, and return the changes."""
    changed = {key: value for key, value in settings.items() if _untouched(config, stock, key, value)}
    for key, value in changed.items():
        OmegaConf.update(config, key, value, force_add=True)
    return changed


def _untouched(config: DictConfig, stock: DictConfig, key: str, value: Any) -> bool:
    current = OmegaConf.select(config, key)
    return current != value and current == OmegaConf.select(stock, key)


def _rollout(config: DictConfig) -> dict[str, Any]:
    """Settings of our rollout server, or of the configured engine if that is installed."""
    name = f"{_ROLLOUT}.name"
    engine = OmegaConf.select(config, name)
    if engine in _PACKAGE_OF and importlib.util.find_spec(_PACKAGE_OF[engine]):
        needed = vllm.ROLLOUT if engine == vllm.NAME and vllm.is_installed() else {}
        return {f"{_ROLLOUT}.{key}": value for key, value in needed.items()}
    if engine not in (None, ROLLOUT):
        logger.warning("rollout.name=%s is not installed and there is no accelerator: using %s", engine, ROLLOUT)
        OmegaConf.update(config, name, ROLLOUT)
    return {name: ROLLOUT, f"{_ROLLOUT}.tensor_model_parallel_size": 1}


def _reward_models() -> dict[str, Any]:
    """Settings of reward models served by vLLM's CPU build; other servers do not read them."""
    return {f"{_REWARD_MODELS}.{key}": value for key, value in vllm.ROLLOUT.items()} if vllm.is_installed() else {}


def _ray(config: DictConfig) -> dict[str, Any]:
    """Logical resources that hold all of verl's actors, and threads that do not outnumber the cores."""
    if not ray_is_ours(config):
        return {}
    needs = RayNeeds.of(config)
    init, interpreter = "ray_kwargs.ray_init", driver.interpreter()
    return {
        f"{init}.num_gpus": needs.all_devices,
        f"{init}.num_cpus": needs.cpus,
        **{f"{init}.runtime_env.env_vars.{name}": value for name, value in thread_variables(needs.devices).items()},
        **({f"{init}.runtime_env.py_executable": interpreter} if interpreter else {}),
    }
