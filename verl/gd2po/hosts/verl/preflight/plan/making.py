"""A plan of a run: everything that is known before it starts, in one value that can be shown or written as JSON."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from gd2po.hosts.verl.preflight.plan.layout import Layout
from gd2po.hosts.verl.preflight.plan.memory import Estimate
from gd2po.hosts.verl.preflight.plan.parts import Cache, Phase
from gd2po.hosts.verl.preflight.plan.remarks import remarks
from gd2po.hosts.verl.preflight.plan.saved import checkpoint_bytes
from gd2po.hosts.verl.preflight.plan.schedule import Schedule
from gd2po.hosts.verl.preflight.plan.splits import impossible
from gd2po.hosts.verl.reading.run_settings import check_run
from gd2po.hosts.verl.reading.shape import ModelShape, read_shape


@dataclass(frozen=True)
class Memory:
    """Bytes on one GPU, and beside it.

    Attributes:
        gpu: what the GPU has.
        phases: of a step, on a GPU of the trainer.
        cache: for keys and values, in a rollout replica.
        host: on each node, of what is offloaded.
    """

    gpu: int
    phases: tuple[Phase, ...]
    cache: Cache
    host: int

    @property
    def peak(self) -> int:
        return max(phase.bytes for phase in self.phases)


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        name: of the experiment.
        folder: where it writes.
        device: ``cuda``, or ``cpu`` for a run that is planned without GPUs.
        model: folder or hub name of the policy.
        shape: of the policy; None where its config.json is not on this machine.
        layout: who runs where.
        schedule: batches and steps.
        memory: of a GPU; None without a shape, and on CPU.
        cpu_bytes: memory that a run on CPU needs at least; None on GPUs.
        checkpoint: bytes of one; None without a shape.
        refusals: why it cannot run, each with its remedy.
        remarks: what runs, but should be known first.
    """

    name: str
    folder: str
    device: str
    model: str
    shape: ModelShape | None
    layout: Layout
    schedule: Schedule
    memory: Memory | None
    cpu_bytes: int | None
    checkpoint: int | None
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def peak_checkpoints(self) -> int | None:
        """Checkpoints that lie there at once: a new one is complete before an old one goes."""
        kept, written = self.schedule.kept, self.schedule.checkpoints
        return None if kept is None or written is None else min(written, kept + 1)

    @property
    def checkpoint_room(self) -> int | None:
        """Bytes that all checkpoints take at once; None where a number in it is unknown."""
        count = self.peak_checkpoints
        return None if count is None or self.checkpoint is None else count * self.checkpoint


def make_plan(config: DictConfig, gpu_bytes: int) -> Plan:
    """Plan a run without starting anything. A run on CPU is completed in place as it would be at its start.

    Args:
        config: composed, as :func:`gd2po.hosts.verl.preflight.plan.composing.compose_run` gives it.
        gpu_bytes: memory of each GPU.

    Raises:
        SettingsError: ``algorithm`` cannot be read, so that there is nothing to plan.
    """
    device = _device(config)
    check_run(config)
    refusals = list(_verdicts(config))
    layout, schedule = Layout.of(config), Schedule.of(config)
    shape = read_shape(config.actor_rollout_ref.model.path)
    refusals += impossible(config, layout, shape)
    known = None if _has_lora(config) else shape
    planned = None if refusals or device == "cpu" else known
    estimate = None if planned is None else Estimate(config, layout, schedule, planned, gpu_bytes)
    return Plan(
        name=config.trainer.experiment_name,
        folder=config.trainer.default_local_dir,
        device=device,
        model=config.actor_rollout_ref.model.path,
        shape=shape,
        layout=layout,
        schedule=schedule,
        memory=None if estimate is None else _expected(estimate),
        cpu_bytes=_cpu_bytes(config) if device == "cpu" else None,
        checkpoint=None if known is None else checkpoint_bytes(config, known),
        refusals=tuple(refusals),
        remarks=tuple(remarks(config, layout, schedule, shape, estimate)),
    )


def _device(config: DictConfig) -> str:
    """``cpu`` only where the configuration says so: a run on GPUs may be planned on a machine without."""
    if config.trainer.device != "cpu" and config.get("run", {}).get("scale") != "cpu":
        return "cuda"
    from gd2po.hosts.verl.cpu.settings import prepare_config

    prepare_config(config)
    return "cpu"


def _cpu_bytes(config: DictConfig) -> int:
    from gd2po.hosts.verl.cpu.resources import memory_needed

    return memory_needed(config)


def _expected(estimate: Estimate) -> Memory:
    return Memory(estimate.gpu_bytes, tuple(estimate.phases()), estimate.cache(), estimate.host_bytes())


def _has_lora(config: DictConfig) -> bool:
    model = config.actor_rollout_ref.model
    return bool(model.lora_rank > 0 or model.get("lora", {}).get("rank", 0) > 0)


def _verdicts(config: DictConfig) -> Iterator[str]:
    """What verl itself refuses, in its words."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _ask_verl(config)
        except _verls_ways_to_refuse() as error:
            yield f"verl refuses: {' '.join(str(error).split()) or type(error).__name__}"


def _verls_ways_to_refuse() -> tuple[type[Exception], ...]:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    plain = (AssertionError, ValueError, TypeError, NotImplementedError, ImportError)
    return (*plain, HydraException, OmegaConfBaseException)


def _ask_verl(config: DictConfig) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    verls_own: Any = getattr(validate_config, "__wrapped__", validate_config)  # ours would adapt it to this machine
    verls_own(config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout.checkpoint_engine)
