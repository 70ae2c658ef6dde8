"""The shipped warm start composes over verl's own configuration, and what cannot work is refused."""

import pytest
import torch
import verl
from omegaconf import OmegaConf
from verl.utils.config import omega_conf_to_dataclass

from gd2po.errors import SettingsError
from gd2po.hosts.verl.launching.sft.configuration import (
    WarmStartSchedule,
    compose_config,
    plan_schedule,
    processes_here,
)
from gd2po.paths import config_dir

no_accelerator = pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")


@pytest.fixture
def config(untrained, monkeypatch):
    for variable in ("PET_NPROC_PER_NODE", "PET_NNODES"):
        monkeypatch.delenv(variable, raising=False)

    def build(*overrides: str):
        return compose_config("tool-calling", str(untrained), overrides)

    return build


def test_it_is_what_verls_dataclasses_accept(config):
    composed = config()
    assert OmegaConf.missing_keys(composed) == set()
    for part in ("engine", "optim", "checkpoint"):
        omega_conf_to_dataclass(composed[part])
    assert (composed.optim.lr, composed.optim.lr_scheduler_type, composed.trainer.total_epochs) == (1e-5, "cosine", 3)
    assert composed.data.train_files == "dataset/rlla_4k/sft.parquet"


def test_the_file_sets_only_what_verl_has_and_differs():
    shipped = OmegaConf.load(config_dir("tool-calling", "sft") / "sft.yaml")
    stock = OmegaConf.load(f"{verl.__path__[0]}/trainer/config/sft_trainer_engine.yaml")
    for section in ("data", "trainer", "checkpoint"):
        for key, value in shipped[section].items():
            assert key in stock[section]
            same = value == OmegaConf.to_container(stock[section])[key]
            assert not same or key in ("seed", "max_token_len_per_gpu")  # said for the reader


def test_one_seed_reaches_the_engine_too(config):
    assert config("trainer.seed=7").engine.seed == 7


@no_accelerator
def test_it_is_completed_for_the_cpu_and_choices_survive(config):
    composed = config("data.micro_batch_size_per_gpu=3", "engine.strategy=fsdp2")
    assert (composed.trainer.device, composed.engine.strategy) == ("cpu", "fsdp2")
    assert composed.engine.mixed_precision.param_dtype == "fp32"
    assert composed.model.override_config.attn_implementation == "sdpa"
    assert composed.data.micro_batch_size_per_gpu == 3
    assert processes_here() == 1


def test_an_accelerator_gets_the_published_settings(config, monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "nvidia")
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 8)
    composed = config()
    assert (composed.trainer.device, composed.engine.strategy, composed.engine.dtype) == ("cuda", "fsdp", "bfloat16")
    assert composed.model.use_remove_padding and composed.data.use_dynamic_bsz
    assert processes_here() == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lrr=1", "Could not override 'optim.lrr'"),
        ("model.lora_rank=8", "lora_rank is 8, but the warm start saves whole models only; set it to 0"),
        ("data.max_length=9000", "max_length is 9000, but a micro-batch holds 8192 tokens"),
        ("checkpoint.save_contents=[model]", "save_contents is .*it must have hf_model"),
    ],
)
def test_what_it_cannot_do_is_refused(config, override, message):
    with pytest.raises(SettingsError, match=message):
        config(override)


def test_a_path_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no config\.json, so it is no Hugging Face model"):
        compose_config("tool-calling", str(tmp_path), [])


def test_a_task_without_a_warm_start_is_named(untrained):
    with pytest.raises(FileNotFoundError, match=r"no sft\.yaml of task 'tool-call'"):
        compose_config("tool-call", str(untrained), [])


@no_accelerator
def test_too_little_memory_is_said_before_the_kernel_says_it(config, monkeypatch):
    import psutil

    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=2**28))
    with pytest.raises(SettingsError, match=r"has 0\.2 GiB of memory available, and the run needs at least 0\.5"):
        config()


@pytest.mark.parametrize(
    ("rows", "overrides", "schedule"),
    [
        (400, [], WarmStartSchedule(75, 25, 3, 0)),
        (383, [], WarmStartSchedule(69, 23, 3, 15)),
        (400, ["trainer.total_training_steps=10"], WarmStartSchedule(10, 25, 3, 0)),
    ],
)
def test_updates_are_counted_before_the_run(config, rows, overrides, schedule):
    assert plan_schedule(config(*overrides), rows) == schedule


@pytest.mark.parametrize(
    ("rows", "override", "message"),
    [
        (9, "data.train_batch_size=16", "9 demonstrations do not fill one batch of 16; lower data.train_batch_size"),
        (400, "trainer.total_training_steps=76", "is 76, but 3 epochs of 25 updates end before"),
    ],
)
def test_a_run_that_would_save_nothing_is_refused(config, rows, override, message):
    with pytest.raises(SettingsError, match=message):
        plan_schedule(config(override), rows)


def test_a_batch_is_shared_evenly(config, monkeypatch):
    monkeypatch.setenv("PET_NPROC_PER_NODE", "3")
    monkeypatch.setenv("PET_NNODES", "2")
    with pytest.raises(SettingsError, match="train_batch_size is 16, which 6 processes cannot share evenly"):
        plan_schedule(config(), 400)


@pytest.mark.parametrize("value", ["auto", "0", "1:2"])
def test_a_variable_of_torchrun_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.setenv("PET_NPROC_PER_NODE", value)
    with pytest.raises(SettingsError, match=f"PET_NPROC_PER_NODE is '{value}'; expected a number of at least 1"):
        processes_here()
