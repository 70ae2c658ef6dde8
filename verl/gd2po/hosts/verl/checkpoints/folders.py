"""The checkpoints of a run on disk: their names, what makes one complete, and which is the latest.

A complete checkpoint has a marker that names each of its files with its size. verl's own, and those of older versions
of gd2po, have none: they are taken for complete where verl's tracker file names them, which verl writes last.
"""

import json
import re
from collections import defaultdict
from pathlib import Path

from omegaconf import DictConfig

from gd2po.files import write_whole

MARKER = "gd2po_complete.json"
TRACKER = "latest_checkpointed_iteration.txt"
"""verl's file with the number of the step to resume."""

_FOLDER = re.compile(r"global_step_(\d+)")
_SHARD = re.compile(r"(?P<kind>.+_world_size_(?P<count>\d+)_rank_)(?P<rank>\d+)\.pt")


def folder_of(run: Path, step: int) -> Path:
    """Where verl puts the checkpoint of a step."""
    return run / f"global_step_{step}"


def step_of(folder: Path) -> int:
    """The step of a checkpoint; -1 for any other folder."""
    name = _FOLDER.fullmatch(folder.name)
    return int(name[1]) if name else -1


def steps(run: Path) -> list[int]:
    """Steps with a folder, whole or not, the latest first."""
    numbers = (step_of(folder) for folder in run.glob("global_step_*"))
    return sorted((step for step in numbers if step >= 0), reverse=True)


def tracked(run: Path) -> int | None:
    """The step that verl's tracker file names; None where there is none, or it is torn."""
    try:
        return int((run / TRACKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def track(run: Path, step: int) -> None:
    """Let verl's tracker file name this step."""
    write_whole(run / TRACKER, str(step))


def kept(trainer: DictConfig) -> int | None:
    """The number of checkpoints that verl keeps by the settings of its trainer; None if it keeps all."""
    return 1 if trainer.get("remove_previous_ckpt_in_save", False) else trainer.get("max_actor_ckpt_to_keep", None)


def mark(folder: Path) -> None:
    """Write down which files are there; nothing may be written into the folder afterwards."""
    write_whole(folder / MARKER, json.dumps({"step": step_of(folder), "files": _sizes(folder)}, indent=1) + "\n")


def fault(folder: Path, trust_unmarked: bool = False) -> str:
    """Why a checkpoint is not complete; empty when it is.

    Args:
        folder: The folder ``global_step_N``.
        trust_unmarked: Whether a checkpoint without a marker is complete as long as there is a model in it.
    """
    if not (folder / MARKER).is_file():
        if trust_unmarked and any((folder / "actor").glob("*")):
            return ""
        return f"it has no {MARKER}, so saving it did not end" if folder.is_dir() else "it is not there"
    expected = json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"]
    present = _sizes(folder)
    for name, size in expected.items():
        if name not in present:
            return f"{name} is missing"
        if present[name] != size:
            return f"{name} has {present[name]:,} bytes instead of {size:,}"
    return ""


def missing_shards(folder: Path) -> list[str]:
    """Files that other training processes must have written beside those that are here; verl names them by rank."""
    ranks: dict[str, set[int]] = defaultdict(set)
    for path in folder.rglob("*.pt"):
        if shard := _SHARD.fullmatch(path.name):
            ranks[shard["kind"]].add(int(shard["rank"]))
    expected = {kind: range(int(_SHARD.fullmatch(f"{kind}0.pt")["count"])) for kind in ranks}  # type: ignore[index]
    return sorted(f"{kind}{rank}.pt" for kind, all_ranks in expected.items() for rank in set(all_ranks) - ranks[kind])


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MARKER)
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}
