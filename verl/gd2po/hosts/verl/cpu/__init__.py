"""verl on a machine without accelerator: a platform, a rollout server, and checks before Ray starts and hangs."""

import logging
import os
from types import ModuleType
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)


def install() -> None:
    """Let verl run on the host when it has no accelerator (or `VERL_PLATFORM=cpu`); otherwise change nothing.

    For every process, at the end of `import verl`. Calling it again changes nothing.
    """
    from verl.plugin.platform import PlatformRegistry

    from gd2po import vllm_cpu as vllm
    from gd2po.hosts.verl.cpu import platform

    if PlatformRegistry.get(platform.NAME) is platform.CPUPlatform or not platform.is_selected():
        return
    PlatformRegistry.register(platform.NAME)(platform.CPUPlatform)
    os.environ[platform.VARIABLE] = platform.NAME  # Ray's workers must not decide for themselves
    # verl registers its FSDP engine, which is device-agnostic, for cuda and npu only.
    os.environ.setdefault("VERL_ENGINE_DEVICE", "cuda")
    vllm.install()
    wrapt.register_post_import_hook(_use_plain_gloo, "verl.utils.distributed")
    wrapt.register_post_import_hook(_offload_nothing, "verl.workers.engine.fsdp.transformer_impl")
    wrapt.register_post_import_hook(_register_adapter, "verl.workers.rollout.base")
    wrapt.register_post_import_hook(_register_replicas, "verl.workers.rollout.replica")


def stand_alone() -> None:
    """For a program without Ray: choose CPU where this machine has no accelerator, also in a cluster that has some."""
    import verl  # noqa: F401  it loads the plug-in, which must not happen in the middle of the next import

    from gd2po.hosts.verl.cpu import platform

    if not (os.environ.get(platform.VARIABLE) or platform.accelerator_present()):
        os.environ[platform.VARIABLE] = platform.NAME
        install()


def check_run(config: "DictConfig") -> None:
    """In the driver, before Ray starts: complete the configuration for this hardware, and refuse what would hang.

    Raises:
        gd2po.errors.SettingsError: The run would hang or die; the message names the fault and the remedy.
    """
    from gd2po.hosts.verl.cpu import platform
    from gd2po.hosts.verl.cpu.preflight import check_cpu_run
    from gd2po.hosts.verl.cpu.settings import prepare_config

    if platform.is_selected():
        changed = prepare_config(config)
        logger.warning("no accelerator: running on the CPU; %d settings of verl were adapted to it", len(changed))
        check_cpu_run(config)


def check_sft(config: "DictConfig", stock: "DictConfig", processes: int) -> None:
    """Complete and check a supervised warm start; `stock` is its configuration without the user's overrides.

    Raises:
        gd2po.errors.SettingsError: The model does not fit into memory.
    """
    from gd2po.hosts.verl.cpu import platform
    from gd2po.hosts.verl.cpu.preflight import check_memory
    from gd2po.hosts.verl.cpu.resources import sft_memory_needed
    from gd2po.hosts.verl.cpu.settings import SFT, complete

    if platform.is_selected():
        complete(config, stock, SFT)
        check_memory(sft_memory_needed(config.model.path, processes), config.model.path)


def process_environment(processes: int) -> dict[str, str]:
    """Environment variables of each of ``processes`` training processes on this machine."""
    from gd2po.hosts.verl.cpu import platform
    from gd2po.hosts.verl.cpu.settings import thread_variables

    return thread_variables(processes) if platform.is_selected() else {}


def _use_plain_gloo(distributed: ModuleType) -> None:
    """verl asks for `cpu:gloo` plus the device's own backend; torch refuses `cpu` named twice."""

    def initialize_global_process_group(timeout_second: int = 36000) -> tuple[int, int, int]:
        distributed.initialize_global_process_group_ray(timeout_second)
        local_rank, rank, world_size = (int(os.environ[name]) for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"))
        return local_rank, rank, world_size

    distributed.initialize_global_process_group_ray.__defaults__ = (None, "gloo")
    vars(distributed)["initialize_global_process_group"] = initialize_global_process_group


def _offload_nothing(engine: ModuleType) -> None:
    """verl keeps a reference policy in pinned host memory, which needs an accelerator; on CPU it is there already."""

    def no_policy(pin_memory: bool) -> None:
        return None

    vars(engine)["CPUOffloadPolicy"] = no_policy


def _register_adapter(base: ModuleType) -> None:
    from gd2po.hosts.verl.reading.names import ROLLOUT

    base._ROLLOUT_REGISTRY[(ROLLOUT, "async")] = "gd2po.hosts.verl.cpu.rollout.adapter.TransformersAdapter"


def _register_replicas(replica: ModuleType) -> None:
    from gd2po.hosts.verl.reading.names import ENGINE, ROLLOUT

    def load_rollout() -> type:
        from gd2po.hosts.verl.cpu.rollout.replica import TransformersReplica

        return TransformersReplica

    def load_reward_model() -> type:
        from gd2po.hosts.verl.cpu.reward_replica import RewardModelReplica

        return RewardModelReplica

    replica.RolloutReplicaRegistry.register(ROLLOUT, load_rollout)
    replica.RolloutReplicaRegistry.register(ENGINE, load_reward_model)
