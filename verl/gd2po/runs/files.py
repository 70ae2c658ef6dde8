"""What a run leaves beside its checkpoints for who looks at it later: names of files, and a line for every start."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gd2po.versions import installed

SETTINGS_FILE = "gd2po_settings.json"
"""The resolved settings, of the last start."""

STARTS_FILE = "gd2po_starts.jsonl"
"""A line for every start: when, how many steps the run is to have, and with which software."""

_SOFTWARE = ("gd2po", "verl", "torch", "transformers", "ray", "vllm", "sglang")


def record_start(trainer: Any) -> None:
    """Append to :data:`STARTS_FILE`; a resumed run has a line more.

    Args:
        trainer: verl's PPOTrainer, ready to train.
    """
    start = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "steps": trainer.__dict__.get("total_training_steps"),
        "versions": {"python": platform.python_version(), **installed(*_SOFTWARE)},
    }
    path = Path(trainer.config.trainer.default_local_dir) / STARTS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(start) + "\n")
