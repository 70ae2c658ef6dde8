"""The `cpu` platform: verl's interface to an accelerator, for a machine that has none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry

from gd2po import vllm_cpu as vllm
from gd2po.hosts.verl.cpu.device import build_device_module

NAME = "cpu"
VARIABLE = "VERL_PLATFORM"
_CURRENT_CLUSTER = Path("/tmp/ray/ray_current_cluster")  # written by `ray start`, read by `ray.init`


def is_selected() -> bool:
    """Whether verl runs on this platform: by `VERL_PLATFORM`, else if this machine stands alone without accelerator.

    A driver that joins a Ray cluster, and every Ray worker, may see no accelerator while the cluster has some.
    """
    chosen = os.environ.get(VARIABLE, "").strip().lower()
    if chosen:
        return chosen == NAME
    in_ray_worker = "RAY_RAYLET_PID" in os.environ
    return not (in_ray_worker or joins_cluster() or accelerator_present())


def joins_cluster() -> bool:
    """Whether `ray.init` would connect to a running cluster instead of starting one."""
    return bool(os.environ.get("RAY_ADDRESS")) or _CURRENT_CLUSTER.exists()


def accelerator_present() -> bool:
    """Whether this machine has an accelerator, usable by this process or not."""
    if torch.accelerator.is_available():
        return True
    known = (PlatformRegistry.get(name) for name in PlatformRegistry.registered_names() if name != NAME)
    return any(platform().is_platform_available(use_smi_check=True) for platform in known if platform is not None)


class CPUPlatform(PlatformBase):
    """Every "device" is the host. Ray counts it as a logical `GPU`, which is how verl sizes its worker groups."""

    def __init__(self) -> None:
        self._module = build_device_module()

    @property
    def device_name(self) -> str:
        return NAME

    @property
    def vendor_name(self) -> str:
        return NAME

    @property
    def device_module(self) -> ModuleType:
        return self._module

    def is_available(self) -> bool:
        return True

    def current_device(self) -> Any:
        return NAME  # not an index: `tensor.to(0)` means the accelerator, `tensor.to("cpu")` the host

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        return None

    def synchronize(self, device_index: int | None = None) -> None:
        return None

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        return None

    def empty_cache(self) -> None:
        return None

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"  # set by Ray for its logical GPUs; nothing reads it here

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        return None

    def profiler_stop(self) -> None:
        return None

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        return False

    def rollout_env_vars(self) -> dict[str, str]:
        """The variables that verl's own vLLM rollout needs on CPU; a value in the environment has priority."""
        return {name: os.environ.get(name, value) for name, value in vllm.ENVIRONMENT.items()}

    def cudart(self) -> None:
        return None
