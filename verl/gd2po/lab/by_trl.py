"""Trainings of the lab by TRL's trainer, one after another in this process: what is imported is imported once."""

import os
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from gd2po.errors import SettingsError
from gd2po.hosts.trl.counterparts import updates_per_batch
from gd2po.hosts.trl.launching import compose, make_trainer
from gd2po.lab.results import Result
from gd2po.lab.trainings import Training, validation_steps
from gd2po.paths import config_dir
from gd2po.quickstart.plan import TINY_MODEL

_CPU_TOKENS, _EVALUATED = 2048, 64
"""The most tokens of a pass of a pretrained model on a CPU, and the most answers that it is given at a time in a
validation: their logits fill gigabytes."""


def device_name() -> str:
    """The name of the device that trains.

    Raises:
        SettingsError: There are several GPUs, among which this process would divide the rollouts.
    """
    if torch.cuda.device_count() > 1:
        raise SettingsError("the lab trains on one GPU, but there are several: set CUDA_VISIBLE_DEVICES=0")
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def train_by_trl(training: Training, overrides: Sequence[str], folder: Path) -> Result:
    """Train by TRL: on the GPU in bfloat16 where there is one, else on the CPU.

    On a CPU the tiny policy is trained by one thread, and time is processor time, of which other work takes nothing.

    Args:
        training: The training.
        overrides: Hydra's overrides over the configuration of its task.
        folder: The folder for log and metrics.
    """
    begun = time.monotonic()
    on_cpu, is_tiny = not torch.cuda.is_available(), training.model == TINY_MODEL
    if on_cpu and is_tiny:
        torch.set_num_threads(1)
    size = training.size
    of_host = [
        *overrides,
        "trainer.logger=[console]",
        "actor_rollout_ref.rollout.name=hf",
        "actor_rollout_ref.model.enable_gradient_checkpointing=false",
        "trl.log_completions=false",
        f"trl.per_device_eval_batch_size={size.answers * size.test_prompts if is_tiny else _EVALUATED}",
    ]
    if on_cpu and not is_tiny:
        of_host += [f"actor_rollout_ref.actor.ppo_max_token_len_per_gpu={_CPU_TOKENS}"]
    clock = _Clock(_seconds_of_gpu if not on_cpu else _processor_seconds if is_tiny else time.perf_counter)
    with (folder / "log.txt").open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        trainer = make_trainer(compose(config_dir(training.task.configuration), "base", of_host))
        trainer.add_callback(clock)
        trainer.train()
        if size.steps % validation_steps(size.steps):
            trainer.evaluate()
    updates = updates_per_batch(size.prompts, size.mini_batch)
    gold = {
        entry["step"] // updates: {name: entry[f"eval_reward/{name}/mean"] for name in training.task.rewards}
        for entry in trainer.state.log_history
        if "eval_loss" in entry
    }
    elapsed = {step // updates: seconds for step, seconds in clock.elapsed.items() if step % updates == 0}
    return training.result(gold, elapsed, time.monotonic() - begun)


class _Clock(TrainerCallback):
    """Adds up the seconds of the updates with their generation, without those of the validations.

    Attributes:
        elapsed: The number of updates → the seconds of all of them.
    """

    def __init__(self, now: Any) -> None:
        self._now, self._begun = now, 0.0
        self.elapsed = {0: 0.0}

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begun = self._now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.elapsed[state.global_step] = self.elapsed[state.global_step - 1] + self._now() - self._begun


def _processor_seconds() -> float:
    """Seconds of the processor, those of ended child processes (of sandboxes) among them."""
    return sum(os.times()[:4])


def _seconds_of_gpu() -> float:
    """Seconds of the clock once the GPU has done what was asked of it."""
    torch.cuda.synchronize()
    return time.perf_counter()
