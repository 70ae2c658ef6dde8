"""A warm start from beginning to end: check, train under torchrun, and leave a Hugging Face folder."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.verl import cpu
from gd2po.hosts.verl.launching.sft.configuration import (
    WarmStartSchedule,
    compose_config,
    nodes,
    plan_schedule,
    processes_here,
)
from gd2po.hosts.verl.launching.sft.demonstrations import Demonstrations, read_demonstrations
from gd2po.runs import process as runs

RECORD = "warm_start"
"""Folder inside the result with the configuration, the metrics and the log."""

_CONFIG, _METRICS, _LOG, _ROWS = "config.yaml", "metrics.jsonl", "log.txt", "demonstrations.parquet"
_TRAINING_ONLY = ("attn_implementation", "dtype", "use_cache")
"""Keys of the model's configuration that verl sets for training, and saves."""


@dataclass(frozen=True)
class PreparedWarmStart:
    """A warm start that has passed every check."""

    task: str
    config: DictConfig
    demonstrations: Demonstrations
    schedule: WarmStartSchedule
    scratch: Path
    output: Path


@dataclass(frozen=True)
class TrainedWarmStart:
    """The result of a warm start.

    Attributes:
        output: The folder of the model; None on nodes other than that of rank 0, which holds it.
        first_loss: The mean negative log-likelihood of an answer token in the first epoch.
        last_loss: The mean negative log-likelihood of an answer token in the last epoch.
    """

    output: Path | None
    first_loss: float | None
    last_loss: float | None


def prepare(
    task: str, model: str, overrides: Sequence[str], output: Path, *, drop_long: bool = False
) -> PreparedWarmStart:
    """Compose and check the configuration, and make a folder beside ``output``; no weight is loaded.

    Args:
        task: The folder with ``sft.yaml``.
        model: The Hugging Face folder or hub name of the model.
        overrides: The Hydra overrides.
        output: The folder to make.
        drop_long: Leave out demonstrations that are too long, instead of refusing all.

    Raises:
        FileNotFoundError: A file or the model is missing.
        SettingsError: A setting cannot work; the message names the remedy.
        DemonstrationError: The demonstrations cannot be imitated as they stand.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SettingsError(f"{output} is not empty and stays as it is; remove it, or name another --output")
    cpu.stand_alone()
    config = compose_config(task, model, overrides)
    demonstrations = read_demonstrations(config, drop_long=drop_long)
    schedule = plan_schedule(config, demonstrations.rows)
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    if demonstrations.left_out:
        demonstrations.table.to_parquet(scratch / _ROWS)
        config.data.train_files, config.data.train_max_samples = str(scratch / _ROWS), -1
    config.trainer.default_local_dir = str(scratch)
    if "file" not in config.trainer.logger:
        config.trainer.logger = [*config.trainer.logger, "file"]
    return PreparedWarmStart(task, config, demonstrations, schedule, scratch, output)


def train(prepared: PreparedWarmStart, on_step: Callable[[int, float], None]) -> TrainedWarmStart:
    """Run verl's trainer, on all visible accelerators or on CPU.

    Args:
        prepared: The result of :func:`prepare`; its folder is used up.
        on_step: Called with the number of updates and the loss of the last update.

    Raises:
        TrainingError: The training fails; the message shows the end of the log, which is kept.
    """
    scratch, metrics = prepared.scratch, prepared.scratch / _METRICS
    OmegaConf.save(prepared.config, scratch / _CONFIG)
    processes = processes_here()
    command = [sys.executable, "-P", "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    command += ["-m", "gd2po.hosts.verl.launching.sft.worker", str(scratch / _CONFIG)]
    environment = {runs.METRICS_VARIABLE: str(metrics), "PYTHONSAFEPATH": "1", **cpu.process_environment(processes)}

    def watch() -> None:
        if losses := _losses(metrics):
            on_step(len(losses), losses[-1])

    try:
        code = runs.run(command, scratch / _LOG, environment, watch)
    except KeyboardInterrupt:
        shutil.rmtree(scratch)
        raise
    model = scratch / f"global_step_{prepared.schedule.updates}" / "huggingface"
    if code != 0 or (nodes() == 1 and not model.is_dir()):
        raise runs.failure("the warm start", code, scratch / _LOG)
    watch()
    return _finish(prepared, model)


def _losses(metrics: Path) -> list[float]:
    return [step["data"]["train/loss"] for step in runs.read_steps(metrics) if "train/loss" in step["data"]]


def _finish(prepared: PreparedWarmStart, model: Path) -> TrainedWarmStart:
    """Move the model to its place, and the record of its training into it."""
    if not model.is_dir():
        shutil.rmtree(prepared.scratch)
        return TrainedWarmStart(None, None, None)
    losses, epoch = _losses(prepared.scratch / _METRICS), prepared.schedule.per_epoch
    _restore_config(model / "config.json", prepared.config)
    model.replace(prepared.output)
    shutil.rmtree(model.parent)
    (prepared.scratch / "latest_checkpointed_iteration.txt").unlink()
    prepared.scratch.rename(prepared.output / RECORD)
    return TrainedWarmStart(prepared.output, fmean(losses[:epoch]), fmean(losses[-epoch:]))


def _restore_config(path: Path, config: DictConfig) -> None:
    from transformers import AutoConfig

    source = AutoConfig.from_pretrained(config.model.path, trust_remote_code=config.model.trust_remote_code).to_dict()
    saved = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in saved.items() if key not in _TRAINING_ONLY}
    kept |= {key: source[key] for key in _TRAINING_ONLY if key in source}
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
