"""Which settings of a run identify its experiment, whatever machine it runs on and however long."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

IDENTITY_FILE = "gd2po_identity.json"
"""The identity of the experiment, in each of its checkpoints."""

WORKERS = "workers"
"""Key of the number of training processes, which is no setting of its own."""

_ROLLOUT = "actor_rollout_ref.rollout"

_EXPERIMENT = (
    *("run.*", "algorithm.*", "data.*", "trainer.v1.trainer_mode"),
    *("reward.custom_reward_function.*", "reward.reward_manager.*"),
    *("reward.reward_model.enable", "reward.reward_model.model_path"),
    *("actor_rollout_ref.model.*", "actor_rollout_ref.actor.*"),
    *(f"{_ROLLOUT}.{key}" for key in ("n", "temperature", "top_k", "top_p", "do_sample", "ignore_eos", "seed")),
    *(f"{_ROLLOUT}.multi_turn.*", f"{_ROLLOUT}.agent.default_agent_loop", f"{_ROLLOUT}.agent.agent_loop_config_path"),
)
"""Settings that identify an experiment."""

_SERVING = ("placement", "url", "engine", "replicas", "tensor_parallel", "gpu_memory", "timeout", "retries")

_SETTINGS_THAT_MAY_CHANGE = (
    *("guards.*", "plugins", "watch", "reward_timeout", "on_reward_timeout"),
    *(f"rewards.*.model.{key}" for key in _SERVING),
)
"""Settings under ``algorithm.gd2po`` that do not change what is learned, whatever the host."""

_MAY_CHANGE = (
    *("*._target_", "run.scale", "data.val_*", "data.validation_shuffle", "*workers", "*.use_shm"),
    *("data.gen_batch_size", "actor_rollout_ref.actor.rollout_n"),  # set by verl, and by rollout.n
    *("*micro_batch_size*", "*.use_dynamic_bsz", "*max_token_len_per_gpu", "*.optim.total_training_steps"),
    *("*.fsdp_config.*", "*.checkpoint.*", "*.profiler.*", "*offload*", "*.enable_gradient_checkpointing"),
    *("*.use_torch_compile", "*.use_remove_padding", "*.use_fused_kernels", "*.fused_kernel_options.*", "*.use_liger"),
    *("*.ulysses_sequence_parallel_size", "*.entropy_from_logits_*", "*.entropy_checkpointing", "*.tiled_mlp.*"),
    *(f"algorithm.gd2po.{key}" for key in _SETTINGS_THAT_MAY_CHANGE),
    *("*.pad_to_length*", "*.use_prefix_grouper", "*.attn_implementation"),
)
"""Exceptions: settings of the machine, of memory, logging and validation."""


def settings_identity(settings: Mapping[str, Any], may_change: Sequence[str] = ()) -> dict[str, Any]:
    """Dotted key → value of every resolved setting under ``algorithm.gd2po`` that identifies an experiment.

    Args:
        settings: The resolved settings, as :meth:`gd2po.settings.Settings.resolved` gives them.
        may_change: Patterns of further settings that do not change what is learned with this host.
    """
    patterns = (*_SETTINGS_THAT_MAY_CHANGE, *may_change)
    return {key: value for key, value in _leaves(settings) if not _matches(key, patterns)}


def identity_of(config: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key → value of every setting that identifies an experiment.

    Args:
        config: verl's configuration as plain data, with interpolations resolved.
        settings: The resolved settings of ``algorithm.gd2po``, as :meth:`gd2po.settings.Settings.resolved` gives them.
    """
    tree = {**config, "algorithm": {**config["algorithm"], "gd2po": settings}}
    trainer, sharded = config["trainer"], config["actor_rollout_ref"]["actor"]["strategy"] in ("fsdp", "fsdp2")
    workers = trainer["nnodes"] * trainer["n_gpus_per_node"] if sharded else None
    return {key: value for key, value in _leaves(tree) if _identifies(key)} | {WORKERS: workers}


def _identifies(key: str) -> bool:
    return _matches(key, _EXPERIMENT) and not _matches(key, _MAY_CHANGE)


def _matches(key: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
