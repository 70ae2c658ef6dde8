"""What a run in TRL leaves on disk: settings, starts, metrics and rollouts, with the names of a run in verl."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gd2po.runs.files import record_start, save_settings
from gd2po.settings import Settings

METRICS_FILES = "metrics-*.jsonl"
"""A file for each start, with a line ``{"step": …, "data": {…}}`` for each logged step."""

ROLLOUTS = "rollouts"
"""Folder with a file ``<step>.jsonl`` for each step that generates: one line for each rollout."""


class RunFiles:
    """The files of one run, written by its main process."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """
        Args:
            folder: The output folder of the run.
            settings: The settings of the run.
        """
        self._folder, self._settings = folder, settings
        self._dumped: set[int] = set()
        self._metrics: Path | None = None

    def begin(self, steps: int) -> None:
        """Write the settings and the start.

        Args:
            steps: The number of steps that the run is to have.
        """
        save_settings(self._folder, self._settings)
        record_start(self._folder, steps)

    def log(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Append the metrics of a step; what is no finite number is left out."""
        data = {name: value for name, value in metrics.items() if _is_finite(value)}
        if self._metrics is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            starts = len(list(self._folder.glob(METRICS_FILES)))
            self._metrics = self._folder / METRICS_FILES.replace("*", f"{starts + 1:03d}")
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "data": data}) + "\n")

    def dump(self, step: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write the rollouts of a generation batch; a second batch of the same step is appended.

        Args:
            step: The step that trains on the rollouts first.
            columns: Field → N values.
        """
        folder = self._folder / ROLLOUTS
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{step}.jsonl").open("a" if step in self._dumped else "w", encoding="utf-8") as file:
            for values in zip(*columns.values(), strict=True):
                row = {**dict(zip(columns, values, strict=True)), "step": step}
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        self._dumped.add(step)


def as_text(text: Any) -> str:
    """A prompt or completion as text: messages one below the other, each after its role."""
    if isinstance(text, str):
        return text
    return "\n".join(f"{message.get('role')}: {message.get('content') or ''}" for message in text)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
