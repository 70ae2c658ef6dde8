"""Checks of the machine: GPUs and their driver, memory, shared memory, ports, and the Ray cluster if one runs."""

import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from gd2po.cpu_precision import MIN_WEIGHTS, choose_precision
from gd2po.errors import GD2POError
from gd2po.hosts.verl.preflight.doctor.result import CheckResult
from gd2po.hosts.verl.preflight.doctor.supported import DRIVERS
from gd2po.hosts.verl.preflight.gpus import GIB, Gpu
from gd2po.hosts.verl.preflight.nodes import ExpectedNodes, read_nodes

SHARED_MEMORY_GIB = 8
"""Free shared memory that a machine with GPUs should have; a container's default of 64 MiB ends a run."""
_GPU_IN_USE = 0.1
"""Share of a GPU's memory from which on somebody else uses the GPU."""

_SHARED = Path("/dev/shm")
_DASHBOARD = "http://127.0.0.1:8265"


def of_machine(gpus: Sequence[Gpu], cuda: str | None, driver_works: bool) -> Iterator[CheckResult]:
    """Check the machine.

    Args:
        gpus: The GPUs of this machine.
        cuda: The version of CUDA that torch was built for; None for a build without CUDA.
        driver_works: Whether torch can use a GPU.
    """
    import psutil

    yield _devices(gpus)
    if gpus:
        yield _driver(gpus, cuda)
        yield _torch(gpus, cuda, driver_works)
    else:
        yield _precision()
    memory = psutil.virtual_memory()
    yield CheckResult(
        "host", None, f"{os.cpu_count()} CPU cores, {_gib(memory.available)} of {_gib(memory.total)} GiB free"
    )
    yield _shared_memory(bool(gpus))
    yield _ports()


def _devices(gpus: Sequence[Gpu]) -> CheckResult:
    if not gpus:
        return CheckResult("GPUs", None, "none: verl runs on CPU (small models only)")
    kinds = Counter(gpu.name for gpu in gpus)
    named = ", ".join(f"{count} × {name}" for name, count in kinds.items())
    free = min(gpu.free / gpu.total for gpu in gpus)
    return CheckResult(
        "GPUs",
        free > 1 - _GPU_IN_USE,
        f"{named}, {min(gpu.free for gpu in gpus) / GIB:.1f} GiB free on the fullest",
        "no other program on them",
        "see nvidia-smi for who uses them, and end it or choose others by CUDA_VISIBLE_DEVICES",
    )


def _precision() -> CheckResult:
    """How fast this processor computes in bfloat16, and the precision that follows for a model of usual size."""
    choice = choose_precision(MIN_WEIGHTS)
    return CheckResult(
        "CPU precision", None, f"{choice.precision} for models from {MIN_WEIGHTS / 1e6:.0f} M weights: {choice.why}"
    )


def _driver(gpus: Sequence[Gpu], cuda: str | None) -> CheckResult:
    driver = gpus[0].driver
    minimum = None if cuda is None else DRIVERS.get(int(cuda.split(".")[0]))
    if minimum is None:
        return CheckResult("driver", None, f"{driver}, torch's CUDA {cuda or 'is none'}")
    return CheckResult(
        "driver",
        Version(driver) >= Version(minimum),
        driver,
        f">={minimum}, for torch's CUDA {cuda}",
        f"install driver {minimum} or later, or a torch built for an older CUDA",
    )


def _torch(gpus: Sequence[Gpu], cuda: str | None, driver_works: bool) -> CheckResult:
    remedy = "install a torch with CUDA: pip install 'gd2po[vllm]'" if cuda is None else "see the driver above"
    build = f"torch was built for CUDA {cuda}" if cuda else "torch was built without CUDA"
    state = f"{build} and sees {'GPUs' if driver_works else 'no GPU'}"
    return CheckResult("CUDA", cuda is not None and driver_works, state, f"{len(gpus)} GPUs usable", remedy)


def _shared_memory(needed: bool) -> CheckResult:
    if not _SHARED.is_dir():
        return CheckResult("shared memory", None, f"there is no {_SHARED}")
    free = shutil.disk_usage(_SHARED).free
    enough = free >= SHARED_MEMORY_GIB * GIB
    return CheckResult(
        "shared memory",
        enough if needed else None,
        f"{_gib(free)} GiB free in {_SHARED}",
        f"{SHARED_MEMORY_GIB} GiB or more, for Ray, NCCL and weights on their way",
        "start the container with --shm-size=64g, or --ipc=host",
    )


def _ports() -> CheckResult:
    try:
        with socket.socket() as probe:
            probe.bind(("", 0))
            probe.listen()
            socket.create_connection(("127.0.0.1", probe.getsockname()[1]), timeout=5).close()
    except OSError as error:
        return CheckResult(
            "ports", False, f"none can be opened: {error}", "free TCP ports", "allow local network sockets"
        )
    return CheckResult("ports", True, "can be opened and reached", "free TCP ports, for Ray, engines and TransferQueue")


def of_cluster(nodes: int, gpus_per_node: int) -> Iterator[CheckResult]:
    """Compare a running Ray cluster with the needs of a run."""
    dashboard = os.environ.get("RAY_API_SERVER_ADDRESS", _DASHBOARD)
    try:
        cluster = read_nodes(dashboard) if _answers(dashboard) else None
    except GD2POError as error:
        yield CheckResult("Ray cluster", None, str(error))
        return
    if cluster is None:
        yield CheckResult("Ray cluster", None, f"none answers at {dashboard}; a run on one node starts its own")
        return
    lacks = ExpectedNodes(nodes, gpus_per_node).lacks(cluster)
    yield CheckResult(
        "Ray cluster",
        not lacks,
        ", ".join(map(str, cluster)) + (f"; {lacks}" if lacks else ""),
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
