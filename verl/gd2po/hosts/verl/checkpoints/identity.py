"""Which experiment a checkpoint belongs to, so that none is continued by another.

verl resumes whatever lies in a run's folder (``trainer.resume_mode=auto``). Each checkpoint therefore gets a file with
the settings that make the experiment, and before Ray starts they are compared with those of the new run. Settings of
the machine and of the schedule may differ: nodes, memory, steps, logging, validation.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.files import write_whole
from gd2po.hosts.verl.checkpoints.folders import folder_of
from gd2po.hosts.verl.reading.run_state import state_of
from gd2po.runs.identity import IDENTITY_FILE, WORKERS, identity_of
from gd2po.settings import Settings

_ONCE_ALWAYS_WRITTEN = tuple(f"algorithm.gd2po.{key}" for key in ("filter.threshold", "reweight", "whiten"))
"""Options that checkpoints of earlier releases name also where the method does not read them."""


def check(config: DictConfig, settings: Settings) -> None:
    """Refuse to resume a checkpoint of another experiment.

    Raises:
        SettingsError: with a table of the settings that differ, and what to do.
    """
    checkpoint = _resumed(config)
    if checkpoint is None:
        return
    file = checkpoint / IDENTITY_FILE
    if not file.is_file():
        raise SettingsError(
            f"{checkpoint} does not say which experiment it is of (there is no {IDENTITY_FILE}), and "
            f"trainer.resume_mode=auto would continue it.\n{_remedies(checkpoint)}"
        )
    _compare(checkpoint, json.loads(file.read_text(encoding="utf-8")), _identity_of(config, settings))


def _compare(checkpoint: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    then = {key: value for key, value in then.items() if key in now or key not in _ONCE_ALWAYS_WRITTEN}
    differing = [key for key in sorted({*then, *now} - {WORKERS}) if then.get(key) != now.get(key)]
    if differing:
        raise SettingsError(
            f"{checkpoint} is of another experiment, and trainer.resume_mode=auto would continue it with other "
            f"settings:\n\n{_table(differing, then, now)}\n\n{_remedies(checkpoint)}"
        )
    if then[WORKERS] != now[WORKERS]:
        raise SettingsError(
            f"{checkpoint} was saved by {then[WORKERS]} training processes, and this run has {now[WORKERS]}; only as "
            "many can load verl's FSDP checkpoints. Choose trainer.nnodes and trainer.n_gpus_per_node accordingly, or "
            "give this run a name of its own: run.method=…"
        )


def _identity_of(config: DictConfig, settings: Settings) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return identity_of(plain, settings.resolved())


def wrap_save_checkpoint(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._save_checkpoint``: the folder says which experiment it is of before anything else is in it."""

    def _save_checkpoint(self: Any) -> None:
        folder = folder_of(Path(self.config.trainer.default_local_dir), self.global_steps)
        identity = json.dumps(_identity_of(self.config, state_of(self).settings), indent=1, sort_keys=True)
        write_whole(folder / IDENTITY_FILE, identity + "\n")
        original(self)

    return _save_checkpoint


def _resumed(config: DictConfig) -> Path | None:
    """The checkpoint that verl would load without being told which."""
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    if config.trainer.resume_mode != "auto":
        return None
    with contextlib.redirect_stdout(None):  # it prints, and verl will call it again
        checkpoint = find_latest_ckpt_path(config.trainer.default_local_dir)
    return Path(checkpoint) if checkpoint else None


def _table(keys: list[str], then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    rows = [("setting", "then", "now"), *((key, _shown(then.get(key)), _shown(now.get(key))) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {key:{widths[0]}}  {old:{widths[1]}}  {new}".rstrip() for key, old, new in rows)


def _shown(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _remedies(checkpoint: Path) -> str:
    return (
        "Give this run a name of its own: run.method=…, or trainer.experiment_name=…\n"
        "Start over in the same folder: trainer.resume_mode=disable\n"
        f"Continue all the same: trainer.resume_mode=resume_path trainer.resume_from_path={checkpoint}"
    )
