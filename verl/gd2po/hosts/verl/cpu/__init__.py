"""verl on a machine without accelerator: a platform, a rollout server, and checks before Ray starts and hangs."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    from gd2po.hosts.verl.door import seam

    if PlatformRegistry.get(platform.NAME) is platform.CPUPlatform or not platform.is_selected():
        return
    PlatformRegistry.register(platform.NAME)(platform.CPUPlatform)
    os.environ[platform.VARIABLE] = platform.NAME  # Ray's workers must not decide for themselves
    # verl registers its FSDP engine, which is device-agnostic, for cuda and npu only.
    os.environ.setdefault("VERL_ENGINE_DEVICE", "cuda")
    seam.install("cpu")
    if vllm.is_installed():
        seam.install("vllm on cpu")


def stand_alone() -> None:
    """For a program without Ray: choose CPU where this machine has no accelerator, also in a cluster that has some."""
    import verl  # noqa: F401  it loads the plug-in, which must not happen in the middle of the next import

    from gd2po.hosts.verl.cpu import platform

    if not (os.environ.get(platform.VARIABLE) or platform.accelerator_present()):
        os.environ[platform.VARIABLE] = platform.NAME
        install()


def wrap_validate_config(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap verl's ``validate_config``: complete the configuration for this hardware, and refuse what would hang.

    Raises:
        gd2po.errors.SettingsError: The run would hang or die; the message names the fault and the remedy.
    """

    def validate_config(config: "DictConfig", *args: Any, **kwargs: Any) -> None:
        from gd2po.hosts.verl.cpu import platform
        from gd2po.hosts.verl.cpu.forking import driver
        from gd2po.hosts.verl.cpu.preflight import check_cpu_run
        from gd2po.hosts.verl.cpu.resources import ray_is_ours
        from gd2po.hosts.verl.cpu.settings import prepare_config
        from gd2po.hosts.verl.reading.v0_trainer import is_checked

        if platform.is_selected() and not is_checked(config, platform.VARIABLE):
            changed = prepare_config(config)
            logger.warning("no accelerator: running on the CPU; %d settings of verl were adapted to it", len(changed))
            check_cpu_run(config)
        if not (platform.is_selected() and ray_is_ours(config)):
            driver.stop()
        original(config, *args, **kwargs)

    return validate_config


def wrap_build_module(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap ``FSDPEngine._build_module``: let the trained model attend as :mod:`gd2po.cpu_attention` does."""

    def build_module(self: Any) -> Any:
        from gd2po.cpu_attention import use_cpu_attention

        module = original(self)
        if (self.engine_config.mixed_precision or {}).get("param_dtype") == "bf16":
            use_cpu_attention(module)
        return module

    return build_module


def check_sft(config: "DictConfig", stock: "DictConfig", processes: int) -> None:
    """Complete and check a supervised warm start; `stock` is its configuration without the user's overrides.

    Raises:
        gd2po.errors.SettingsError: The model does not fit into memory.
    """
    from gd2po.hosts.verl.cpu import platform
    from gd2po.hosts.verl.cpu.preflight import check_memory
    from gd2po.hosts.verl.cpu.resources import sft_memory_needed
    from gd2po.hosts.verl.cpu.settings import SFT, complete, sft_precision

    if platform.is_selected():
        complete(config, stock, SFT | sft_precision(config.model.path))
        check_memory(sft_memory_needed(config.model.path, processes), config.model.path)


def process_environment(processes: int) -> dict[str, str]:
    """Environment variables of each of ``processes`` training processes on this machine."""
    from gd2po.cpu_threads import thread_variables
    from gd2po.hosts.verl.cpu import platform

    return thread_variables(processes) if platform.is_selected() else {}


def wrap_initialize_global_process_group_ray(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap how verl's workers join: verl asks for `cpu:gloo` and the device's backend; torch refuses `cpu` twice."""

    def initialize_global_process_group_ray(timeout_second: int | None = None, backend: str = "gloo") -> None:
        original(timeout_second, backend)

    return initialize_global_process_group_ray


def wrap_initialize_global_process_group(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap how processes of torchrun join, for the same reason."""

    def initialize_global_process_group(timeout_second: int = 36000) -> tuple[int, int, int]:
        from verl.utils import distributed

        distributed.initialize_global_process_group_ray(timeout_second)
        local_rank, rank, world_size = (int(os.environ[name]) for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"))
        return local_rank, rank, world_size

    return initialize_global_process_group


def wrap_cpu_offload_policy(original: type) -> Callable[..., None]:
    """Replace the policy that keeps a reference model in pinned host memory: on CPU it is in host memory already."""

    def no_policy(pin_memory: bool) -> None:
        return None

    return no_policy


def wrap_rollout_registry(registry: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Add the receiver of new weights of our rollout server."""
    from gd2po.hosts.verl.reading.names import ROLLOUT

    registry[(ROLLOUT, "async")] = "gd2po.hosts.verl.cpu.rollout.adapter.TransformersAdapter"
    return registry


def wrap_register(register: Callable[..., None]) -> Callable[..., None]:
    """Register our servers of rollouts and of reward models; the function itself stays."""
    from gd2po.hosts.verl.reading.names import ENGINE, ROLLOUT

    def load_rollout() -> type:
        from gd2po.hosts.verl.cpu.rollout.replica import TransformersReplica

        return TransformersReplica

    def load_reward_model() -> type:
        from gd2po.hosts.verl.cpu.reward_replica import RewardModelReplica

        return RewardModelReplica

    register(ROLLOUT, load_rollout)
    register(ENGINE, load_reward_model)
    return register
