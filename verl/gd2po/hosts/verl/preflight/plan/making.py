"""A plan of a run: everything that is known before it starts, in one value that can be shown or written as JSON."""

import contextlib
import inspect
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from omegaconf import DictConfig

from gd2po.errors import SettingsError
from gd2po.hosts.verl.cpu.resources import memory_needed
from gd2po.hosts.verl.cpu.settings import prepare_config
from gd2po.hosts.verl.preflight.plan.layout import GpuLayout
from gd2po.hosts.verl.preflight.plan.memory import GpuMemory, MemoryEstimate, checkpoint_bytes
from gd2po.hosts.verl.preflight.plan.remarks import remarks
from gd2po.hosts.verl.preflight.plan.schedule import RunSchedule
from gd2po.hosts.verl.preflight.plan.splits import impossible
from gd2po.hosts.verl.preflight.verl_refusal import kind_refusals, verl_refusals
from gd2po.hosts.verl.reading.run_settings import check_run, check_run_blocks
from gd2po.pretrained.shape import ModelShape, read_shape


@dataclass(frozen=True)
class RunPlan:
    """The plan of a run.

    Attributes:
        name: The name of the experiment.
        folder: The folder that the run writes to.
        device: ``cuda``, or ``cpu`` for a run that is planned without GPUs.
        model: The folder or hub name of the policy.
        shape: The shape of the policy; None if its config.json is not on this machine.
        layout: The GPUs of the run.
        schedule: The batches and steps of the run.
        memory: The estimated memory of a GPU; None without a shape, and on CPU.
        cpu_bytes: The memory that a run on CPU needs at least; None on GPUs.
        checkpoint: The size of one checkpoint in bytes; None without a shape.
        weights: Reward → its weight in words; empty where no weight moves.
        refusals: The reasons why the run cannot work, each with its remedy.
        remarks: The facts that a user should know before the run starts.
    """

    name: str
    folder: str
    device: str
    model: str
    shape: ModelShape | None
    layout: GpuLayout
    schedule: RunSchedule
    memory: GpuMemory | None
    cpu_bytes: int | None
    checkpoint: int | None
    weights: dict[str, str]
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def peak_checkpoints(self) -> int | None:
        """The number of checkpoints on disk at once: a new one is complete before an old one is deleted."""
        kept, written = self.schedule.kept, self.schedule.checkpoints
        return None if kept is None or written is None else min(written, kept + 1)

    @property
    def checkpoint_room(self) -> int | None:
        """The bytes of all checkpoints on disk at once; None if one of the numbers is unknown."""
        count = self.peak_checkpoints
        return None if count is None or self.checkpoint is None else count * self.checkpoint

    def to_json(self) -> str:
        """Every number of the plan. Sizes are in bytes, memory is that of one GPU."""
        numbers = asdict(self)
        derived = ("world", "data_parallel", "replicas", "all_gpus")
        numbers["layout"] |= {name: getattr(self.layout, name) for name in derived}
        numbers["checkpoint_room"] = self.checkpoint_room
        if self.memory is not None:
            numbers["memory"]["peak"] = self.memory.peak
            for phase, written in zip(self.memory.phases, numbers["memory"]["phases"], strict=True):
                written["bytes"] = phase.bytes
        return json.dumps(numbers, indent=2, ensure_ascii=False)


def make_plan(config: DictConfig, gpu_bytes: int) -> RunPlan:
    """Plan a run without starting anything. The configuration of a run on CPU is completed in place, as at its start.

    Args:
        config: The composed configuration, as :func:`gd2po.hosts.verl.preflight.plan.composing.compose_run` returns it.
        gpu_bytes: The memory of each GPU in bytes.

    Raises:
        SettingsError: The run would be refused at its start, or a value is of another kind than verl's, so that there
            is nothing to plan.
    """
    with kind_refusals("planned"):
        return _make_plan(config, gpu_bytes)


def _make_plan(config: DictConfig, gpu_bytes: int) -> RunPlan:
    check_run_blocks(config)
    on_cpu = _is_for_cpu(config)
    if on_cpu:
        prepare_config(config)
    settings = check_run(config)
    refusals = list(_verl_refusals(config))
    layout, schedule = GpuLayout.of(config), RunSchedule.of(config)
    shape = read_shape(config.actor_rollout_ref.model.path)
    refusals += impossible(config, layout, shape)
    sized = None if _has_lora(config) else shape
    estimate = None
    if sized is not None and not (refusals or on_cpu):
        estimate = MemoryEstimate(config, layout, schedule, sized, gpu_bytes)
    return RunPlan(
        name=config.trainer.experiment_name,
        folder=config.trainer.default_local_dir,
        device="cpu" if on_cpu else "cuda",
        model=config.actor_rollout_ref.model.path,
        shape=shape,
        layout=layout,
        schedule=schedule,
        memory=None if estimate is None else estimate.gpu_memory(),
        cpu_bytes=memory_needed(config) if on_cpu else None,
        checkpoint=None if sized is None else checkpoint_bytes(config, sized),
        weights={} if settings is None else settings.moving_weights(),
        refusals=tuple(refusals),
        remarks=tuple(remarks(config, layout, schedule, shape, estimate)),
    )


def _is_for_cpu(config: DictConfig) -> bool:
    """Whether the configuration itself says so: a run on GPUs may be planned on a machine without one."""
    return bool(config.trainer.device == "cpu" or config.get("run", {}).get("scale") == "cpu")


def _has_lora(config: DictConfig) -> bool:
    model = config.actor_rollout_ref.model
    return bool(model.lora_rank > 0 or model.get("lora", {}).get("rank", 0) > 0)


def _verl_refusals(config: DictConfig) -> Iterator[str]:
    """The error that verl itself raises about the configuration, in its words."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with verl_refusals():
                _validate_by_verl(config)
        except SettingsError as refusal:
            yield str(refusal)


def _validate_by_verl(config: DictConfig) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    verls_own: Any = inspect.unwrap(validate_config)  # ours would adapt it to this machine
    verls_own(config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout.checkpoint_engine)
