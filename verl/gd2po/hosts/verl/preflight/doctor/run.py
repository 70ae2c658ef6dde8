"""The checks of ``gd2po doctor``: this installation and machine, and a given run on it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from rich.filesize import decimal

from gd2po.errors import HostError, SettingsError
from gd2po.hosts.verl.preflight.doctor.hardware import of_cluster, of_machine
from gd2po.hosts.verl.preflight.doctor.installation import examine
from gd2po.hosts.verl.preflight.doctor.result import CheckResult
from gd2po.hosts.verl.preflight.doctor.supported import RunPart
from gd2po.hosts.verl.preflight.gpus import GIB, Gpu, read_gpus, smallest
from gd2po.hosts.verl.preflight.plan.composing import compose_run
from gd2po.hosts.verl.preflight.plan.memory import GpuMemory
from gd2po.hosts.verl.preflight.plan.schedule import files_of
from gd2po.rewards.coding import check_sandbox

if TYPE_CHECKING:
    from gd2po.hosts.verl.preflight.plan.making import RunPlan

_OVERRIDES = "correct the command; gd2po plan with the same arguments says more"


def diagnose(arguments: Sequence[str]) -> Iterator[CheckResult]:
    """Check this installation and machine, and a run if one is given.

    Args:
        arguments: The arguments of ``gd2po plan``; empty for the machine alone.

    Raises:
        SettingsError: The arguments do not compose.
        FileNotFoundError: The arguments name no task or file.
    """
    config = compose_run(arguments) if arguments else None
    gpus, driver_faults = _gpus()
    yield from examine(_parts(config, bool(gpus)))
    yield from driver_faults
    yield from of_machine(gpus, *_torch())
    yield _sandbox()
    if config is None:
        yield from of_cluster(1, 0)
        return
    from gd2po.hosts.verl.preflight.plan.making import make_plan  # imports verl, which may be what is missing

    plan = make_plan(config, smallest(gpus))
    yield from of_cluster(plan.layout.nodes, plan.layout.gpus_per_node)
    yield from _of_run(config, plan, gpus)


def _gpus() -> tuple[list[Gpu], list[CheckResult]]:
    try:
        return read_gpus(), []
    except HostError as error:
        return [], [CheckResult("driver", False, str(error), "nvidia-smi that answers", "see its message")]


def _torch() -> tuple[str | None, bool]:
    import torch

    return torch.version.cuda, torch.cuda.is_available()


def _sandbox() -> CheckResult:
    """Whether programs of a model can run in a sandbox; a run whose rewards need one is refused by its plan."""
    try:
        check_sandbox()
    except SettingsError as error:
        return CheckResult("sandbox", None, f"only the coding rewards need one: {error}")
    return CheckResult("sandbox", True, "bubblewrap makes sandboxes for the coding rewards")


def _parts(config: DictConfig | None, has_gpus: bool) -> frozenset[RunPart]:
    """The parts of a run whose packages are needed here: a machine without GPUs needs none of those for GPUs."""
    parts: set[RunPart] = {"every run"}
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


def _of_run(config: DictConfig, plan: "RunPlan", gpus: Sequence[Gpu]) -> Iterator[CheckResult]:
    """Check one run by its plan."""
    yield _plan(plan)
    yield _model("model", plan.model)
    for reward in plan.layout.rewards:
        if reward.placement != "server":
            yield _model(f"reward {reward.name}", reward.path)
    for file in files_of(config.data.train_files) + files_of(config.data.val_files):
        yield _file(file)
    yield from _folder(Path(plan.folder).expanduser().absolute(), plan)
    if plan.device == "cuda":
        yield _count(plan, gpus)
        if plan.memory is not None and gpus:
            yield _memory(plan.memory, gpus)
    yield from _host(plan)


def _plan(plan: "RunPlan") -> CheckResult:
    state = "; ".join(plan.refusals) or "its batches, lengths and splits can work"
    return CheckResult("configuration", not plan.refusals, state, "splits that can work", _OVERRIDES)


def _model(name: str, path: str) -> CheckResult:
    expected = "a folder with config.json, or a model in Hugging Face's cache"
    if (Path(path).expanduser() / "config.json").is_file():
        return CheckResult(name, True, path, expected)
    is_name = path.count("/") == 1 and not path.startswith((".", "/", "~"))
    here, remedy = is_name and _is_cached(path), f"hf download {path}" if is_name else "correct the path"
    return CheckResult(name, here, path if here else f"{path} is not here", expected, remedy)


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False


def _file(file: str) -> CheckResult:
    readable = os.access(Path(file).expanduser(), os.R_OK)
    state = file if readable else f"{file} is not here, or cannot be read"
    remedy = "gd2po data get, then gd2po data prepare; or data.train_files=…"
    return CheckResult("data", readable, state, "a file that can be read", remedy)


def _folder(folder: Path, plan: "RunPlan") -> Iterator[CheckResult]:
    parent = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    remedy = "choose another by trainer.default_local_dir=…"
    try:
        with tempfile.NamedTemporaryFile(dir=parent):
            pass
    except OSError as error:
        yield CheckResult("run folder", False, f"{folder}: {error.strerror}", "a folder that can be written", remedy)
        return
    yield CheckResult("run folder", True, str(folder), "a folder that can be written")
    free, needed = shutil.disk_usage(parent).free, plan.checkpoint_room
    if needed is None:
        yield CheckResult("disk", None, f"{decimal(free)} free; size of the checkpoints unknown")
        return
    expected = f"{decimal(needed)} for {plan.peak_checkpoints} checkpoints of {decimal(plan.checkpoint or 0)}"
    remedy = f"set trainer.max_actor_ckpt_to_keep=1, or {remedy}"
    yield CheckResult("disk", free >= needed, f"{decimal(free)} free", expected, remedy)


def _count(plan: "RunPlan", gpus: Sequence[Gpu]) -> CheckResult:
    layout = plan.layout
    needed = layout.gpus_per_node if layout.nodes > 1 else layout.all_gpus
    where = "on each node" if layout.nodes > 1 else "on this machine"
    remedy = "scale=1gpu, or trainer.n_gpus_per_node=…; run the doctor where the run will be"
    return CheckResult("GPUs for it", len(gpus) >= needed, f"{len(gpus)}", f"{needed} {where}", remedy)


def _memory(memory: GpuMemory, gpus: Sequence[Gpu]) -> CheckResult:
    free, peak = min(gpu.free for gpu in gpus), max(memory.phases, key=lambda phase: phase.bytes)
    return CheckResult(
        "GPU memory",
        free >= peak.bytes,
        f"{free / GIB:.1f} GiB free",
        f"{peak.bytes / GIB:.1f} GiB in {peak.name}, an estimate",
        "gd2po plan shows of what, and what lowers it",
    )


def _host(plan: "RunPlan") -> Iterator[CheckResult]:
    import psutil

    needed = plan.cpu_bytes if plan.memory is None else plan.memory.host
    if not needed:
        return
    free = psutil.virtual_memory().available
    state, expected = f"{free / GIB:.1f} GiB free", f"{needed / GIB:.1f} GiB, an estimate"
    yield CheckResult("host memory", free >= needed, state, expected, "free memory, or choose a smaller model")
