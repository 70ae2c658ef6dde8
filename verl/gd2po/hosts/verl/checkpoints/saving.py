"""Let verl save into a folder aside, and give the checkpoint its name when it is whole.

verl writes into the final folder, names it in its tracker file by overwriting that, and prunes before either is done:
a run that ends in between, or a full disk, can leave nothing to resume. Here its place is swapped for another while it
saves, and naming, tracking and pruning come afterwards.
"""

import contextlib
import copy
import logging
import os
import shutil
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from omegaconf import DictConfig, open_dict

from gd2po.defaults import CHECKPOINT_SHARDS_TIMEOUT
from gd2po.hosts.verl.checkpoints import CheckpointError, folders
from gd2po.hosts.verl.checkpoints.resuming import resume_hint

logger = logging.getLogger(__name__)

ASIDE = "unfinished"
"""Folder beside the checkpoints, on the same disk; what is in it is deleted by the next save."""

REASON_CHARACTERS = 200
"""Ray's reason why a process has ended goes on with advice."""


def wrap_save_checkpoint(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._save_checkpoint``.

    Megatron's ``async_save`` goes on writing after the call; such a checkpoint is verl's own affair.

    Raises:
        CheckpointError: it could not be written; with the reason, and with the checkpoint to go on from.
    """

    def _save_checkpoint(self: Any) -> None:
        if self.config.actor_rollout_ref.actor.checkpoint.get("async_save", False):
            original(self)
            return
        run = Path(self.config.trainer.default_local_dir)
        try:
            calls = _save_aside(self, original, run / ASIDE)
            folder = _put_in_place(run, self.global_steps)
        except Exception as error:
            raise CheckpointError(_failed(self.config, self.global_steps, error)) from error
        _prune(run, self.global_steps, folders.kept(self.config.trainer))
        for arguments in calls:
            self.checkpoint_callback.on_save(**arguments | {"checkpoint_dir": str(folder)})

    return _save_checkpoint


def _save_aside(trainer: Any, save: Callable[[Any], None], aside: Path) -> list[dict[str, Any]]:
    """Call verl's save with another place and without its pruning; returns the arguments of its callbacks."""
    shutil.rmtree(aside, ignore_errors=True)
    with _swapped(trainer, _with_place(trainer.config, aside)) as calls:
        save(trainer)
    return calls


def _with_place(config: DictConfig, aside: Path) -> DictConfig:
    other = copy.deepcopy(config)
    with open_dict(other.trainer):
        other.trainer.update(
            default_local_dir=str(aside),
            remove_previous_ckpt_in_save=False,
            max_actor_ckpt_to_keep=None,
            max_critic_ckpt_to_keep=None,
        )
    return other


@contextlib.contextmanager
def _swapped(trainer: Any, config: DictConfig) -> Iterator[list[dict[str, Any]]]:
    """The trainer with this configuration, and with a callback (since verl 0.9.1) that only remembers its arguments."""
    before = {name: trainer.__dict__[name] for name in ("config", "checkpoint_callback") if name in trainer.__dict__}
    calls: list[dict[str, Any]] = []
    trainer.config = config
    trainer.checkpoint_callback = SimpleNamespace(on_save=lambda **arguments: calls.append(arguments))
    try:
        yield calls
    finally:
        vars(trainer).update(before)


def _put_in_place(run: Path, step: int) -> Path:
    """Mark, rename, track: from the first to the last a kill leaves the previous checkpoint as the latest."""
    written, folder = folders.folder_of(run / ASIDE, step), folders.folder_of(run, step)
    _await_shards(written)
    folders.mark(written)
    if folder.exists():  # of an attempt that was given up, or torn
        os.rename(folder, run / ASIDE / "replaced")
    os.rename(written, folder)
    folders.track(run, step)
    shutil.rmtree(run / ASIDE, ignore_errors=True)
    return folder


def _await_shards(folder: Path) -> None:
    """A shared file system may show the files of other nodes late."""
    deadline = time.monotonic() + CHECKPOINT_SHARDS_TIMEOUT
    while missing := folders.missing_shards(folder):
        if time.monotonic() > deadline:
            raise CheckpointError(
                "all nodes must share the folder trainer.default_local_dir, and after "
                f"{CHECKPOINT_SHARDS_TIMEOUT:.0f} s {missing[0]} and {len(missing) - 1} more files that other nodes "
                f"wrote are not in {folder}"
            )
        time.sleep(1)


def _prune(run: Path, step: int, kept: int | None) -> None:
    """Remove what is older than the ``kept`` latest complete ones, of this and of earlier starts."""
    if not kept or kept < 1:
        return
    older = [folders.folder_of(run, earlier) for earlier in folders.steps(run) if earlier < step]
    complete = [folder for folder in older if not folders.fault(folder)]
    for folder in set(older) - set(complete[: kept - 1]):
        logger.warning("removing %s: trainer.max_actor_ckpt_to_keep=%d", folder, kept)
        shutil.rmtree(folder, ignore_errors=True)


def _failed(config: DictConfig, step: int, error: Exception) -> str:
    run = Path(config.trainer.default_local_dir)
    reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), repr(error))
    free = shutil.disk_usage(run).free / (1 << 30)
    return (
        f"the checkpoint of step {step} could not be written to {run}, with {free:.1f} GiB free: "
        f"{textwrap.shorten(reason, REASON_CHARACTERS)}\n{resume_hint(config)}"
    )
