"""A given run on this machine: what it reads, where it writes, and whether it fits."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.filesize import decimal

from gd2po.hosts.verl.preflight.doctor.finding import Finding
from gd2po.hosts.verl.preflight.gpus import Gpu
from gd2po.hosts.verl.preflight.plan.making import Memory, Plan
from gd2po.hosts.verl.preflight.plan.parts import GIB
from gd2po.hosts.verl.preflight.plan.schedule import files_of

_OVERRIDES = "correct the command; gd2po plan with the same arguments says more"


def of_run(config: DictConfig, plan: Plan, gpus: Sequence[Gpu]) -> Iterator[Finding]:
    """Findings about one run.

    Args:
        config: composed.
        plan: of it.
        gpus: of this machine.
    """
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


def _plan(plan: Plan) -> Finding:
    found = "; ".join(plan.refusals) or "its batches, lengths and splits can work"
    return Finding("configuration", not plan.refusals, found, "splits that can work", _OVERRIDES)


def _model(name: str, path: str) -> Finding:
    expected = "a folder with config.json, or a model in Hugging Face's cache"
    if (Path(path).expanduser() / "config.json").is_file():
        return Finding(name, True, path, expected)
    is_name = path.count("/") == 1 and not path.startswith((".", "/", "~"))
    here, remedy = is_name and _is_cached(path), f"hf download {path}" if is_name else "correct the path"
    return Finding(name, here, path if here else f"{path} is not here", expected, remedy)


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False


def _file(file: str) -> Finding:
    readable = os.access(Path(file).expanduser(), os.R_OK)
    found = file if readable else f"{file} is not here, or cannot be read"
    remedy = "gd2po data get, then gd2po data prepare; or data.train_files=…"
    return Finding("data", readable, found, "a file that can be read", remedy)


def _folder(folder: Path, plan: Plan) -> Iterator[Finding]:
    parent = next(one for one in (folder, *folder.parents) if one.is_dir())
    remedy = "choose another by trainer.default_local_dir=…"
    try:
        with tempfile.NamedTemporaryFile(dir=parent):
            pass
    except OSError as error:
        yield Finding("run folder", False, f"{folder}: {error.strerror}", "a folder that can be written", remedy)
        return
    yield Finding("run folder", True, str(folder), "a folder that can be written")
    free, needed = shutil.disk_usage(parent).free, plan.checkpoint_room
    if needed is None:
        yield Finding("disk", None, f"{decimal(free)} free; size of the checkpoints unknown")
        return
    expected = f"{decimal(needed)} for {plan.peak_checkpoints} checkpoints of {decimal(plan.checkpoint or 0)}"
    remedy = f"set trainer.max_actor_ckpt_to_keep=1, or {remedy}"
    yield Finding("disk", free >= needed, f"{decimal(free)} free", expected, remedy)


def _count(plan: Plan, gpus: Sequence[Gpu]) -> Finding:
    layout = plan.layout
    needed = layout.gpus_per_node if layout.nodes > 1 else layout.all_gpus
    where = "on each node" if layout.nodes > 1 else "on this machine"
    remedy = "scale=1gpu, or trainer.n_gpus_per_node=…; run the doctor where the run will be"
    return Finding("GPUs for it", len(gpus) >= needed, f"{len(gpus)}", f"{needed} {where}", remedy)


def _memory(memory: Memory, gpus: Sequence[Gpu]) -> Finding:
    free, peak = min(gpu.free for gpu in gpus), max(memory.phases, key=lambda phase: phase.bytes)
    return Finding(
        "GPU memory",
        free >= peak.bytes,
        f"{free / GIB:.1f} GiB free",
        f"{peak.bytes / GIB:.1f} GiB in {peak.name}, an estimate",
        "gd2po plan shows of what, and what lowers it",
    )


def _host(plan: Plan) -> Iterator[Finding]:
    import psutil

    needed = plan.cpu_bytes if plan.memory is None else plan.memory.host
    if not needed:
        return
    free = psutil.virtual_memory().available
    found, expected = f"{free / GIB:.1f} GiB free", f"{needed / GIB:.1f} GiB, an estimate"
    yield Finding("host memory", free >= needed, found, expected, "free memory, or choose a smaller model")
