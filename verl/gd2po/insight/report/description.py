"""What a run is: its settings, its seed, its software. Read from what it writes at its start."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError
from gd2po.insight.report.trackers import ReportError
from gd2po.method_names import method_title
from gd2po.runs.files import STARTS_FILE, load_settings
from gd2po.runs.identity import identity_of
from gd2po.settings import RewardSettings

_SEED_IN_NAME = re.compile(r"(seed[-_]?)\d+")
_SECRET = re.compile(r"api_?key|secret|passw|credential|(^|_)(access|api|auth|hf)_?token$", re.IGNORECASE)
_ANY_SEED = "*"


@dataclass(frozen=True)
class RunDescription:
    """A run before its first step.

    Attributes:
        settings: The plug-in's settings as resolved; empty where the plug-in had nothing to do.
        config: Dotted key → value of verl's resolved configuration; secrets are hidden.
        identity: The settings that identify the experiment, whatever its seed; empty where they are not known.
        seed: The seed of the run; None where none is set.
        starts: The starts of the run: time, software and planned steps of each.
        notes: What the files do not tell, in sentences for the reader.
    """

    settings: Mapping[str, Any]
    config: Mapping[str, Any]
    identity: Mapping[str, Any]
    seed: int | None
    starts: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def total_steps(self) -> int | None:
        """The number of steps that the run is to have; None where it is not known."""
        planned = self.starts[-1]["steps"] if self.starts else None
        return planned or self.config.get("trainer.total_training_steps")

    @property
    def weights(self) -> dict[str, float]:
        """Reward → weight; where it is a schedule, the weight with which it ends."""
        return {
            name: RewardSettings(weight=reward["weight"]).final_weight
            for name, reward in self.settings.get("rewards", {}).items()
        }

    @property
    def method(self) -> str | None:
        """The name of the method, such as GD²PO-SNR τ=0.8; None where it is not known."""
        if not self.settings:
            return None
        return method_title(self.settings)


def read_description(folder: Path) -> RunDescription:
    """What ``folder`` says of its run; of several starts the last.

    Raises:
        ReportError: a file of the run is not JSON.
    """
    settings = _settings(folder)
    config, identity, notes = _configuration(folder, settings)
    seed = config.get("run.seed", config.get("data.seed"))
    lines = _text(folder / STARTS_FILE).splitlines(keepends=True)
    starts = tuple(_json(folder / STARTS_FILE, line) for line in lines if line.endswith("\n"))
    return RunDescription(settings, config, identity, seed, starts, notes)


def _configuration(folder: Path, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    """Keys and values of the last configuration, what of it makes the experiment, and what is wrong with it."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    files = sorted(folder.glob("hydra/*/.hydra/config.yaml"))
    if not files:
        return {}, {}, ()
    config: Any = OmegaConf.load(files[-1])
    config.pop("ray_kwargs", None)  # of the machine; its interpolations need a running Hydra
    try:
        return dict(_leaves(OmegaConf.to_container(config, resolve=True))), _identity(config, settings), ()
    except OmegaConfBaseException as error:
        note = (
            f"{files[-1]} cannot be resolved ({error}); the run is compared with no other as a seed of the same series"
        )
        return dict(_leaves(OmegaConf.to_container(config))), {}, (note,)


def _identity(config: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    from omegaconf import OmegaConf

    if not settings:
        return {}
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return {key: _without_seed(key, value) for key, value in identity_of(plain, settings).items()}


def _without_seed(key: str, value: Any) -> Any:
    if key.rpartition(".")[2].endswith("seed"):
        return _ANY_SEED
    return _SEED_IN_NAME.sub(rf"\1{_ANY_SEED}", value) if isinstance(value, str) else value


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            hidden = isinstance(value, str) and value and _SECRET.search(str(key))
            yield f"{prefix}{key}", "(hidden)" if hidden else value


def _settings(folder: Path) -> Mapping[str, Any]:
    try:
        return load_settings(folder)
    except SettingsError as error:
        raise ReportError(str(error)) from None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ReportError(f"{path} is not JSON ({error}); is it a file of a run?") from None
