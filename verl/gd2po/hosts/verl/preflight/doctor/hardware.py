"""The machine: GPUs and their driver, memory, shared memory, ports, and the Ray cluster if one runs."""

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from gd2po import defaults
from gd2po.errors import GD2POError
from gd2po.hosts.verl.preflight.doctor.finding import Finding
from gd2po.hosts.verl.preflight.doctor.supported import DRIVERS
from gd2po.hosts.verl.preflight.gpus import Gpu
from gd2po.hosts.verl.preflight.plan.parts import GIB

_SHARED = Path("/dev/shm")
_DASHBOARD = "http://127.0.0.1:8265"


def of_machine(gpus: Sequence[Gpu], cuda: str | None, driver_works: bool) -> Iterator[Finding]:
    """Findings about the machine.

    Args:
        gpus: of this machine.
        cuda: version that torch was built for; None for a build without.
        driver_works: whether torch finds a GPU.
    """
    import psutil

    yield _devices(gpus)
    if gpus:
        yield _driver(gpus, cuda)
        yield _torch(gpus, cuda, driver_works)
    memory = psutil.virtual_memory()
    yield Finding(
        "host", None, f"{os.cpu_count()} CPU cores, {_gib(memory.available)} of {_gib(memory.total)} GiB free"
    )
    yield _shared_memory(bool(gpus))
    yield _ports()


def _devices(gpus: Sequence[Gpu]) -> Finding:
    if not gpus:
        return Finding("GPUs", None, "none: verl runs on CPU (small models only)")
    kinds = {gpu.name: sum(other.name == gpu.name for other in gpus) for gpu in gpus}
    named = ", ".join(f"{count} × {name}" for name, count in kinds.items())
    free = min(gpu.free / gpu.total for gpu in gpus)
    return Finding(
        "GPUs",
        free > 1 - defaults.DOCTOR_GPU_IN_USE,
        f"{named}, {min(gpu.free for gpu in gpus) / GIB:.1f} GiB free on the fullest",
        "no other program on them",
        "see nvidia-smi for who uses them, and end it or choose others by CUDA_VISIBLE_DEVICES",
    )


def _driver(gpus: Sequence[Gpu], cuda: str | None) -> Finding:
    found = gpus[0].driver
    minimum = None if cuda is None else DRIVERS.get(int(cuda.split(".")[0]))
    if minimum is None:
        return Finding("driver", None, f"{found}, torch's CUDA {cuda or 'is none'}")
    return Finding(
        "driver",
        Version(found) >= Version(minimum),
        found,
        f">={minimum}, for torch's CUDA {cuda}",
        f"install driver {minimum} or later, or a torch built for an older CUDA",
    )


def _torch(gpus: Sequence[Gpu], cuda: str | None, driver_works: bool) -> Finding:
    remedy = "install a torch with CUDA: pip install 'gd2po[vllm]'" if cuda is None else "see the driver above"
    found = f"torch was built for CUDA {cuda}" if cuda else "torch was built without CUDA"
    seen = "and sees GPUs" if driver_works else "and sees no GPU"
    return Finding("CUDA", cuda is not None and driver_works, f"{found} {seen}", f"{len(gpus)} GPUs usable", remedy)


def _shared_memory(needed: bool) -> Finding:
    if not _SHARED.is_dir():
        return Finding("shared memory", None, f"there is no {_SHARED}")
    free = shutil.disk_usage(_SHARED).free
    enough = free >= defaults.DOCTOR_SHM_GIB * GIB
    return Finding(
        "shared memory",
        enough if needed else None,
        f"{_gib(free)} GiB free in {_SHARED}",
        f"{defaults.DOCTOR_SHM_GIB} GiB or more, for Ray, NCCL and weights on their way",
        "start the container with --shm-size=64g, or --ipc=host",
    )


def _ports() -> Finding:
    try:
        with socket.socket() as probe:
            probe.bind(("", 0))
            probe.listen()
            socket.create_connection(("127.0.0.1", probe.getsockname()[1]), timeout=5).close()
    except OSError as error:
        return Finding("ports", False, f"none can be opened: {error}", "free TCP ports", "allow local network sockets")
    return Finding("ports", True, "can be opened and reached", "free TCP ports, for Ray, engines and TransferQueue")


def of_cluster(nodes: int, gpus_per_node: int) -> Iterator[Finding]:
    """What a running Ray cluster offers, against what a run needs; one line where none is found."""
    from gd2po.hosts.verl.preflight.nodes import Expected, read_nodes

    dashboard = os.environ.get("RAY_API_SERVER_ADDRESS", _DASHBOARD)
    try:
        found = read_nodes(dashboard) if _answers(dashboard) else None
    except GD2POError as error:
        yield Finding("Ray cluster", None, str(error))
        return
    if found is None:
        yield Finding("Ray cluster", None, f"none answers at {dashboard}; a run on one node starts its own")
        return
    lacks = Expected(nodes, gpus_per_node).lacks(found)
    yield Finding(
        "Ray cluster",
        not lacks,
        ", ".join(map(str, found)) + (f"; {lacks}" if lacks else ""),
        f"{nodes} × {gpus_per_node} GPUs",
        "start scripts/cluster.sh on the missing nodes, or set trainer.nnodes and trainer.n_gpus_per_node",
    )


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("http://").removeprefix("https://").partition(":")
    try:
        socket.create_connection((host, int(port.rstrip("/") or 80)), timeout=2).close()
    except OSError:
        return False
    return True


def _gib(count: int) -> str:
    return f"{count / GIB:.1f}"
