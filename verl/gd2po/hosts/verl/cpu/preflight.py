"""Checks before Ray starts: on a machine that is too small verl does not fail, it waits for ever."""

import socket

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.verl.cpu.resources import RayNeeds, memory_needed, ray_is_ours
from gd2po.hosts.verl.reading.names import ROLLOUT


def check_cpu_run(config: DictConfig) -> None:
    """Refuse a run that would hang or die at start-up.

    Raises:
        SettingsError: The message names the setting, the needs of the run, and the remedy.
    """
    _check_engine(config)
    if config.actor_rollout_ref.rollout.name == ROLLOUT:
        _check_rollout(config)
    if ray_is_ours(config):
        _check_ray(config)
    check_memory(memory_needed(config), config.actor_rollout_ref.model.path)
    _check_port()


def _check_engine(config: DictConfig) -> None:
    from verl.trainer.ppo.utils import need_critic

    strategy = config.actor_rollout_ref.actor.strategy
    if strategy != "fsdp2":
        raise SettingsError(
            f"actor_rollout_ref.actor.strategy is {strategy!r}, but without an accelerator only 'fsdp2' works; "
            "set actor_rollout_ref.actor.strategy=fsdp2"
        )
    if need_critic(config):
        raise SettingsError(
            f"algorithm.adv_estimator={config.algorithm.adv_estimator} trains a critic, which verl loads with "
            "flash-attention only; without an accelerator use an estimator that compares rollouts, such as gd2po"
        )


def _check_rollout(config: DictConfig) -> None:
    rollout = config.actor_rollout_ref.rollout
    for key in ("tensor_model_parallel_size", "data_parallel_size", "pipeline_model_parallel_size"):
        if rollout[key] != 1:
            raise SettingsError(
                f"actor_rollout_ref.rollout.{key} is {rollout[key]}, but rollout.name={ROLLOUT} does not split a model;"
                f" set it to 1, or install vllm and set actor_rollout_ref.rollout.name=vllm"
            )
    mode = config.trainer.v1.trainer_mode
    if mode not in ("sync", "colocate_async"):
        raise SettingsError(
            f"trainer.v1.trainer_mode is {mode!r}, but rollout.name={ROLLOUT} shares its machine with the trainer; "
            "set trainer.v1.trainer_mode to sync or colocate_async"
        )


def _check_ray(config: DictConfig) -> None:
    needs = RayNeeds.of(config)
    for key, needed in (("num_cpus", needs.cpus), ("num_gpus", needs.all_devices)):
        amount = OmegaConf.select(config, f"ray_kwargs.ray_init.{key}")
        if amount is None or amount < needed:
            raise SettingsError(
                f"ray_kwargs.ray_init.{key} is {amount}, but this run's actors ask Ray for {needed} ({needs}); with "
                f"less it would wait for ever. Leave the key out, or set it to {needed} (a logical number: it may "
                "exceed what the machine has)"
            )


def check_memory(needed: int, model: str) -> None:
    """Refuse a run that needs more bytes of memory than are available.

    Raises:
        SettingsError: The message names both numbers.
    """
    import psutil

    available = psutil.virtual_memory().available
    if available < needed:
        raise SettingsError(
            f"this machine has {available / 2**30:.1f} GiB of memory available, and the run needs at least "
            f"{needed / 2**30:.1f} GiB for its processes and the weights of {model}; "
            "free memory, choose a smaller model, or use fewer devices (trainer.n_gpus_per_node)"
        )


def _check_port() -> None:
    try:
        with socket.socket() as probe:
            probe.bind(("", 0))
    except OSError as error:
        raise SettingsError(
            f"no TCP port can be opened on this machine ({error}), and Ray, gloo and TransferQueue need some; "
            "run where local network sockets are allowed"
        ) from error
