"""The host in place of `torch.cuda`: memory figures are those of the process, other functions do nothing."""

import resource
import sys
from types import ModuleType
from typing import Any

import torch


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def peak_memory(*_args: Any) -> int:
    """Largest resident size of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def current_memory(*_args: Any) -> int:
    """Resident size of this process now, in bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def memory_info(*_args: Any) -> tuple[int, int]:
    """Free and total memory of the host in bytes, in the order of `torch.cuda.mem_get_info`."""
    import psutil

    memory = psutil.virtual_memory()
    return int(memory.available), int(memory.total)


def _rng_state(*_args: Any) -> torch.Tensor:
    return torch.get_rng_state()


def _set_rng_state(state: torch.Tensor, *_args: Any) -> None:
    torch.set_rng_state(state)


def build_device_module() -> ModuleType:
    """A module with the functions that verl calls on `get_torch_device()`."""
    module = ModuleType("gd2po_cpu_device", doc=__doc__)
    vars(module).update({name: getattr(torch.cpu, name) for name in torch.cpu.__all__})
    for name in (
        "empty_cache",
        "ipc_collect",
        "reset_peak_memory_stats",
        "set_per_process_memory_fraction",
    ):
        setattr(module, name, _nothing)
    vars(module).update(
        memory_allocated=current_memory,
        memory_reserved=current_memory,
        max_memory_allocated=peak_memory,
        max_memory_reserved=peak_memory,
        mem_get_info=memory_info,
        get_device_name=lambda *_args: "cpu",
        get_rng_state=_rng_state,
        set_rng_state=_set_rng_state,
        manual_seed=torch.manual_seed,
        manual_seed_all=torch.manual_seed,
    )
    return module
