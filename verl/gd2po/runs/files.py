"""Files that a run leaves beside its checkpoints: its settings, and a line for every start."""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError
from gd2po.settings import Settings
from gd2po.versions import installed

SETTINGS_FILE = "gd2po_settings.json"
"""The resolved settings, of the last start."""

STARTS_FILE = "gd2po_starts.jsonl"
"""A line for every start: when, how many steps the run is to have, and with which software."""

_SOFTWARE = ("gd2po", "verl", "trl", "torch", "transformers", "ray", "vllm", "sglang")


def settings_text(settings: Settings) -> str:
    """The resolved settings as they are printed and saved."""
    return json.dumps(settings.resolved(), indent=2)


def save_settings(folder: Path, settings: Settings) -> None:
    """Write the resolved settings of a run as :data:`SETTINGS_FILE` into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(settings_text(settings) + "\n")


def load_settings(folder: Path) -> Mapping[str, Any]:
    """The settings that :func:`save_settings` has written into the folder of a run; empty where there are none.

    Raises:
        SettingsError: the file holds something else.
    """
    file = folder / SETTINGS_FILE
    if not file.is_file():
        return {}
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file} is not JSON ({error}); is it a file of a run?") from None
    if not isinstance(settings, dict):
        raise SettingsError(f"{file} holds {type(settings).__name__}; expected the settings of a run, a JSON object")
    return settings


def record_start(folder: Path, steps: int | None) -> None:
    """Append a line to :data:`STARTS_FILE`; a resumed run has a line more.

    Args:
        folder: The folder of the run.
        steps: The number of steps that the run is to have; None where it is not known.
    """
    start = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "steps": steps,
        "versions": {"python": platform.python_version(), **installed(*_SOFTWARE)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / STARTS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(start) + "\n")
