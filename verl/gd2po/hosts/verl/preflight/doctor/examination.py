"""Everything the doctor looks at, of a machine alone or of a machine for a given run."""

from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from gd2po.errors import HostError
from gd2po.hosts.verl.preflight.doctor.finding import Finding
from gd2po.hosts.verl.preflight.doctor.hardware import of_cluster, of_machine
from gd2po.hosts.verl.preflight.doctor.installation import examine
from gd2po.hosts.verl.preflight.doctor.run import of_run
from gd2po.hosts.verl.preflight.doctor.supported import Part
from gd2po.hosts.verl.preflight.gpus import Gpu, read_gpus, smallest
from gd2po.hosts.verl.preflight.plan.composing import compose_run
from gd2po.hosts.verl.preflight.plan.making import make_plan


def diagnose(arguments: Sequence[str]) -> Iterator[Finding]:
    """Every finding about this installation and machine, and about a run if one is given.

    Args:
        arguments: of ``gd2po plan``; empty for the machine alone.

    Raises:
        SettingsError: the arguments do not compose.
        FileNotFoundError: they name no task or file.
    """
    config = compose_run(arguments) if arguments else None
    gpus, broken = _gpus()
    yield from examine(_parts(config, bool(gpus)))
    yield from broken
    yield from of_machine(gpus, *_torch())
    if config is None:
        yield from of_cluster(1, 0)
        return
    plan = make_plan(config, smallest(gpus))
    yield from of_cluster(plan.layout.nodes, plan.layout.gpus_per_node)
    yield from of_run(config, plan, gpus)


def _gpus() -> tuple[list[Gpu], list[Finding]]:
    try:
        return read_gpus(), []
    except HostError as error:
        return [], [Finding("driver", False, str(error), "nvidia-smi that answers", "see its message")]


def _torch() -> tuple[str | None, bool]:
    import torch

    return torch.version.cuda, torch.cuda.is_available()


def _parts(config: DictConfig | None, has_gpus: bool) -> frozenset[Part]:
    """Parts of a run whose packages are needed here: a machine without GPUs needs none of those for GPUs."""
    parts: set[Part] = {"every run"}
    if config is None or not has_gpus:
        return frozenset(parts)
    actor, model = config.actor_rollout_ref.actor, config.actor_rollout_ref.model
    if config.actor_rollout_ref.rollout.name == "sglang":
        parts.add("rollouts with sglang")
    if config.actor_rollout_ref.rollout.name == "vllm":
        parts.add("rollouts with vllm")
    if actor.strategy == "megatron":
        parts.add("training with megatron")
    elif model.override_config.get("attn_implementation", "flash_attention_2") == "flash_attention_2":
        parts.add("training with fsdp")
    return frozenset(parts)
