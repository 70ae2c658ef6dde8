"""What the doctor says about machines with GPUs, from recordings of nvidia-smi."""

import socket

import pytest

from gd2po.errors import HostError
from gd2po.hosts.verl.preflight.doctor import hardware
from gd2po.hosts.verl.preflight.doctor.hardware import of_cluster, of_machine
from gd2po.hosts.verl.preflight.gpus import planned_bytes, read_gpus

MIB = 2**20


def checked(cuda: str | None = "13.0", works: bool = True):
    return {result.name: result for result in of_machine(read_gpus(), cuda, works)}


def test_a_good_machine(machine):
    machine("8 x H100")
    results = checked()
    assert [name for name, result in results.items() if result.ok is False] == []
    assert results["GPUs"].found == "8 × NVIDIA H100 80GB HBM3, 79.1 GiB free on the fullest"
    assert planned_bytes(None) == 81_559 * MIB
    assert planned_bytes(40) == 40 * 2**30


def test_a_gpu_that_somebody_uses_is_named(machine):
    machine("8 x H100, one in use")
    gpus = checked()["GPUs"]
    assert gpus.ok is False and "19.6 GiB free on the fullest" in gpus.found and "nvidia-smi" in gpus.remedy


@pytest.mark.parametrize(("cuda", "ok"), [("13.0", False), ("12.8", True)])
def test_an_old_driver_is_held_against_the_cuda_of_torch(machine, cuda, ok):
    machine("an old driver")
    driver = checked(cuda)["driver"]
    assert driver.ok is ok and driver.found == "525.147.05"
    assert driver.expected == f">={'525.60.13' if ok else '580.65.06'}, for torch's CUDA {cuda}"


@pytest.mark.parametrize(
    ("cuda", "works", "remedy"),
    [(None, False, "install a torch with CUDA"), ("13.0", False, "see the driver above")],
)
def test_a_torch_that_sees_no_gpu_is_a_problem(machine, cuda, works, remedy):
    machine("8 x H100")
    result = checked(cuda, works)["CUDA"]
    assert result.ok is False and remedy in result.remedy


def test_without_a_driver_there_is_no_gpu_and_no_problem(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert read_gpus() == []
    assert checked(None, False)["GPUs"].found.startswith("none: verl runs on CPU")


def test_a_driver_that_does_not_answer_is_quoted(broken_driver):
    with pytest.raises(HostError, match=r"couldn't communicate with the NVIDIA driver\..*reinstall the driver"):
        read_gpus()


def test_little_shared_memory_is_a_problem(machine, monkeypatch):
    monkeypatch.setattr(hardware, "SHARED_MEMORY_GIB", 10**6)
    machine("8 x H100")
    assert checked()["shared memory"].ok is False and "--shm-size" in checked()["shared memory"].remedy


def test_a_port_that_is_no_dashboard_is_no_cluster(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{listener.getsockname()[1]}")
        (result,) = of_cluster(1, 8)  # bound, and nobody listens
    assert result.ok is None and "none answers" in result.found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_gpus_the_precision_of_the_cpu_is_said(monkeypatch, precision):
    monkeypatch.setenv("GD2PO_CPU_PRECISION", precision)
    results = {result.name: result for result in of_machine([], None, False)}
    assert (
        results["CPU precision"].found == f"{precision} for models from 20 M weights: GD2PO_CPU_PRECISION={precision}"
    )
