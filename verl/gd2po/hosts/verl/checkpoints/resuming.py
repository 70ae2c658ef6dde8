"""Before Ray starts: find the latest complete checkpoint, and let verl resume that one."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from gd2po.hosts.verl.checkpoints import CheckpointError, folders

logger = logging.getLogger(__name__)


def point_tracker_at_latest_complete(config: DictConfig) -> None:
    """Make verl's tracker file name the latest complete checkpoint up to the step it names now, if it does not yet.

    What is passed over is said, with the reason. Nothing is deleted.

    Raises:
        CheckpointError: there are checkpoints and none is complete, or ``trainer.resume_from_path`` is not.
    """
    trainer = config.trainer
    if trainer.resume_mode == "resume_path":
        _check_named(Path(trainer.resume_from_path))
    if trainer.resume_mode == "auto":
        _choose(Path(trainer.default_local_dir))
        _say_what_was_not_recorded(config)


def resume_hint(config: DictConfig) -> str:
    """One sentence that tells the user how to resume."""
    run = Path(config.trainer.default_local_dir)
    step = folders.tracked(run)
    if step is None:
        return "There is no complete checkpoint: the same command starts from the beginning."
    command = "the same command" if config.trainer.resume_mode == "auto" else "trainer.resume_mode=auto"
    return f"The last complete checkpoint is {folders.folder_of(run, step)}: {command} goes on after step {step}."


def _check_named(folder: Path) -> None:
    if reason := folders.fault(folder, trust_unmarked=True):
        raise CheckpointError(
            f"trainer.resume_from_path={folder} is not a complete checkpoint: {reason}. Choose another one; "
            "trainer.resume_mode=auto takes the latest complete one"
        )


def _choose(run: Path) -> None:
    named = folders.tracked(run)
    candidates = [step for step in folders.steps(run) if named is None or step <= named]
    faults: dict[int, str] = {}
    for step in candidates:
        reason = folders.fault(folders.folder_of(run, step), trust_unmarked=step == named)
        if not reason:
            _take(run, step, faults)
            return
        faults[step] = reason
    if faults:
        raise CheckpointError(
            f"{run} has checkpoints, but none is complete:\n{_listed(run, faults)}\n"
            "Start over in this folder: trainer.resume_mode=disable\n"
            "Continue one all the same, at your own risk: delete its "
            f"{folders.MARKER}, then trainer.resume_mode=resume_path trainer.resume_from_path=…"
        )
    if (run / folders.TRACKER).exists():
        logger.warning("%s names a checkpoint, and there is none: starting from the beginning", run / folders.TRACKER)
        (run / folders.TRACKER).unlink()


def _take(run: Path, step: int, passed_over: dict[int, str]) -> None:
    if passed_over:
        logger.warning("not complete, and passed over:\n%s", _listed(run, passed_over))
    if step != folders.tracked(run):
        logger.warning("resuming %s, the latest complete checkpoint", folders.folder_of(run, step))
        folders.track(run, step)


def _say_what_was_not_recorded(config: DictConfig) -> None:
    """verl saves a step before it logs it, so a run that ends in between leaves a step without records."""
    step, records = folders.tracked(Path(config.trainer.default_local_dir)), config.trainer.get("rollout_data_dir")
    if step is None or not records or not Path(records).is_dir():
        return
    file = Path(records) / f"{step}.jsonl"
    if not file.exists():
        logger.warning(
            "step %d was trained and saved, but the run ended before %s was written: the rollouts and metrics of this "
            "step are in no log. Training goes on after it, as if it had not been interrupted",
            step,
            file,
        )


def _listed(run: Path, faults: dict[int, str]) -> str:
    return "\n".join(f"  {folders.folder_of(run, step)}: {reason}" for step, reason in faults.items())
