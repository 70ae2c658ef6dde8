"""The GPUs of this machine, as the driver's own tool names them: no CUDA context is made, nothing is imported."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from gd2po.errors import HostError

GIB = 2**30
PLANNED_GIB = 80
"""Memory of each GPU that is planned for on a machine without one."""

_FIELDS = ("name", "memory.total", "memory.free", "driver_version")
_QUERY = ("nvidia-smi", f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits")
_MIB = 2**20
_SECONDS = 60.0


@dataclass(frozen=True)
class Gpu:
    """One GPU; memory in bytes."""

    name: str
    total: int
    free: int
    driver: str


def read_gpus() -> list[Gpu]:
    """All GPUs of this machine; an empty list where there is no driver.

    Raises:
        HostError: nvidia-smi is installed and fails; the error quotes its output.
    """
    if shutil.which(_QUERY[0]) is None:
        return []
    try:
        output = subprocess.run(_QUERY, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout
    except subprocess.CalledProcessError as error:
        output = (error.stdout + error.stderr).strip()
        raise HostError(f"nvidia-smi fails: {output}; reload or reinstall the driver") from None
    except subprocess.TimeoutExpired:
        raise HostError(
            f"nvidia-smi does not answer in {_SECONDS:.0f} s: the driver hangs, restart the machine"
        ) from None
    return [_parse(line) for line in output.splitlines() if line.strip()]


def _parse(line: str) -> Gpu:
    values = [value.strip() for value in line.rsplit(",", len(_FIELDS) - 1)]
    try:
        name, total, free, driver = values
        return Gpu(name, int(total) * _MIB, int(free) * _MIB, driver)
    except ValueError:
        raise HostError(f"nvidia-smi says {line!r}; expected {', '.join(_FIELDS)}, memory in MiB") from None


def planned_bytes(gib: float | None) -> int:
    """The memory in bytes of a GPU to plan for: ``gib``, else that of the smallest GPU of this machine."""
    return smallest(read_gpus()) if gib is None else int(gib * GIB)


def smallest(gpus: Sequence[Gpu]) -> int:
    """The memory of the smallest GPU in bytes; :data:`PLANNED_GIB` where there is none."""
    return min((gpu.total for gpu in gpus), default=PLANNED_GIB * GIB)
