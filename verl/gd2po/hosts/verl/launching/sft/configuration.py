"""The configuration of a warm start: composed over verl's, completed for the hardware, refused where it cannot work."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from gd2po.errors import SettingsError
from gd2po.hosts.verl import cpu
from gd2po.paths import config_dir

NAME = "sft"
PROCESSES_VARIABLE, NODES_VARIABLE = "PET_NPROC_PER_NODE", "PET_NNODES"
"""torchrun's own variables."""


@dataclass(frozen=True)
class WarmStartSchedule:
    """The updates and epochs of a warm start.

    Attributes:
        updates: The number of updates of the weights.
        per_epoch: The number of updates of a whole epoch.
        epochs: The number of passes over the demonstrations.
        left_over: The number of demonstrations of an epoch that fill no batch; other ones in each epoch.
    """

    updates: int
    per_epoch: int
    epochs: int
    left_over: int


def compose_config(task: str, model: str, overrides: Sequence[str]) -> DictConfig:
    """The task's ``sft.yaml`` over verl's ``sft_trainer_engine``, with Hydra overrides, for the hardware at hand.

    Raises:
        FileNotFoundError: The task has no warm start, or ``model`` is a path without a model.
        SettingsError: Hydra refuses an override, or the warm start does not support a setting.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    try:
        with initialize_config_dir(str(config_dir(task, NAME)), version_base=None):
            stock, config = compose(NAME), compose(NAME, overrides=list(overrides))
    except HydraException as error:
        raise SettingsError(str(error)) from None
    config.model.path = model
    _check(config)
    cpu.check_sft(config, stock, processes_here())
    return config


def _check(config: DictConfig) -> None:
    path = Path(config.model.path)
    is_local = path.is_absolute() or path.is_dir() or (len(path.parts) > 1 and path.parent.is_dir())
    if is_local and not (path / "config.json").is_file():
        raise FileNotFoundError(f"{path} holds no config.json, so it is no Hugging Face model")
    if config.model.lora_rank or config.model.lora_adapter_path:
        raise SettingsError(
            f"model.lora_rank is {config.model.lora_rank}, but the warm start saves whole models only; set it to 0"
        )
    if config.data.max_length > config.data.max_token_len_per_gpu:
        raise SettingsError(
            f"data.max_length is {config.data.max_length}, but a micro-batch holds {config.data.max_token_len_per_gpu} "
            "tokens; set data.max_token_len_per_gpu to at least max_length"
        )
    if "hf_model" not in config.checkpoint.save_contents:
        raise SettingsError(
            f"checkpoint.save_contents is {list(config.checkpoint.save_contents)}; it must have hf_model, the result"
        )


def processes_here() -> int:
    """The number of processes on this machine: torchrun's variable, else one per visible accelerator, or one on CPU."""
    import torch

    from gd2po.hosts.verl.cpu import platform

    devices = 1 if platform.is_selected() else torch.accelerator.device_count()
    return _number(PROCESSES_VARIABLE) or devices


def nodes() -> int:
    """The number of machines that train together: torchrun's variable, else one."""
    return _number(NODES_VARIABLE) or 1


def plan_schedule(config: DictConfig, rows: int) -> WarmStartSchedule:
    """Count the updates before any weight is loaded.

    Raises:
        SettingsError: There are fewer rows than a batch has, the processes cannot share a batch, or more updates are
            configured than the epochs have.
    """
    batch, epochs = config.data.train_batch_size, config.trainer.total_epochs
    world = processes_here() * nodes()
    if batch % world:
        raise SettingsError(
            f"data.train_batch_size is {batch}, which {world} processes cannot share evenly; make it a multiple"
        )
    if rows < batch:
        raise SettingsError(
            f"{rows} demonstrations do not fill one batch of {batch}; lower data.train_batch_size or add demonstrations"
        )
    per_epoch = rows // batch
    possible = per_epoch * epochs
    updates = config.trainer.total_training_steps or possible
    if updates > possible:
        raise SettingsError(
            f"trainer.total_training_steps is {updates}, but {epochs} epochs of {per_epoch} updates end before and "
            "nothing would be saved; raise trainer.total_epochs"
        )
    return WarmStartSchedule(updates, per_epoch, epochs, rows % batch)


def _number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    if not text.isdecimal() or text == "0":
        raise SettingsError(f"the environment variable {variable} is {text!r}; expected a number of at least 1")
    return int(text)
