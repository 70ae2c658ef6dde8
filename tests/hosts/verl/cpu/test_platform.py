"""verl picks the CPU platform when nothing better is there, and finds what it needs on it."""

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import torch
from verl.plugin.platform import PlatformRegistry

from gd2po.hosts.verl import cpu
from gd2po.hosts.verl.cpu import platform
from gd2po.hosts.verl.cpu.platform import CPUPlatform

no_accelerator = pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")


@no_accelerator
def test_verl_chooses_it_and_uses_it(in_a_fresh_process):
    code = """
import verl
from verl.utils import device
from verl.workers.engine.base import EngineRegistry
from verl.workers.rollout.base import get_rollout_class
from verl.workers.rollout.replica import get_rollout_replica_class
from verl.utils.distributed import initialize_global_process_group_ray as join
import verl.workers.engine, torch, os
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0", RANK="0", WORLD_SIZE="1")
join()
print(device.get_device_name(), device.get_resource_name(), torch.distributed.get_backend())
print(EngineRegistry.get_engine_cls("language_model", "fsdp2").__name__)
print(get_rollout_class("transformers").__name__, get_rollout_replica_class("transformers").__name__)
"""
    assert in_a_fresh_process(code) == [
        *("cpu", "GPU", "gloo"),
        "FSDPEngineWithLMHead",
        *("TransformersAdapter", "TransformersReplica"),
    ]


@no_accelerator
def test_processes_of_torchrun_join_over_gloo(in_a_fresh_process):
    code = """
import os, verl
from verl.utils.distributed import destroy_global_process_group, initialize_global_process_group
import torch
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0", RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
print(*initialize_global_process_group(), torch.distributed.get_backend())
destroy_global_process_group()
"""
    assert in_a_fresh_process(code) == ["0", "0", "1", "gloo"]


@no_accelerator
@pytest.mark.parametrize(
    "environment", [{"RAY_ADDRESS": "127.0.0.1:6379", "VERL_PLATFORM": ""}, {"VERL_PLATFORM": "cpu"}]
)
def test_a_program_without_ray_uses_it_whatever_cluster_there_is(in_a_fresh_process, environment):
    code = """
from gd2po.hosts.verl import cpu
cpu.stand_alone()
from verl.utils.device import get_device_name
print(get_device_name())
"""
    assert in_a_fresh_process(code, **environment) == ["cpu"]


def test_installing_twice_changes_nothing():
    def registered():
        return {name: PlatformRegistry.get(name) for name in PlatformRegistry.registered_names()}

    cpu.install()
    before = registered()
    cpu.install()
    assert registered() == before


@pytest.fixture
def undecided(monkeypatch):
    """As in a process that has not imported verl yet, on a machine without accelerator or Ray."""
    for variable in ("VERL_PLATFORM", "RAY_ADDRESS", "RAY_RAYLET_PID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(PlatformRegistry.get("nvidia"), "is_platform_available", lambda *_args, **_options: False)
    return monkeypatch


def test_it_is_the_last_resort(undecided):
    assert platform.is_selected()


def test_an_accelerator_wins(undecided):
    undecided.setattr(torch.accelerator, "is_available", lambda: True)
    assert not platform.is_selected()


def test_an_accelerator_that_this_process_cannot_see_wins(undecided):
    undecided.setattr(PlatformRegistry.get("nvidia"), "is_platform_available", lambda *_args, **_options: True)
    assert not platform.is_selected()


@pytest.mark.parametrize("variable", ["RAY_ADDRESS", "RAY_RAYLET_PID"])
def test_a_cluster_may_have_accelerators_elsewhere(undecided, variable):
    undecided.setenv(variable, "1")
    assert not platform.is_selected()


@pytest.mark.parametrize(("chosen", "selected"), [("cpu", True), ("nvidia", False)])
def test_verl_platform_decides(undecided, chosen, selected):
    undecided.setenv("VERL_PLATFORM", chosen)
    undecided.setattr(torch.accelerator, "is_available", lambda: chosen == "cpu")
    assert platform.is_selected() is selected


def test_the_device_module_answers_what_verl_asks():
    device = CPUPlatform().device_module
    device.empty_cache()
    device.synchronize()
    device.set_device(0)
    assert min(device.max_memory_allocated(), device.memory_allocated()) > 2**20
    free, total = device.mem_get_info()
    assert 0 < free <= total
    state = device.get_rng_state()
    first = torch.rand(2)
    device.set_rng_state(state)
    assert torch.equal(first, torch.rand(2))


def test_tensors_move_to_the_current_device():
    assert torch.ones(1).to(CPUPlatform().current_device()).device.type == "cpu"


def test_engine_settings_of_the_environment_win(monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    assert CPUPlatform().rollout_env_vars()["VLLM_CPU_KVCACHE_SPACE"] == "7"
