"""The metrics of a run by step, as verl's file logger writes them: a JSON object per line."""

import json
import math
from pathlib import Path
from typing import Any

Steps = dict[int, dict[str, float]]
"""Step → metric → value."""


class MetricLines:
    """One file of verl's file logger: ``{"step": …, "data": {…}}`` per line.

    Attributes:
        steps: The metrics that have been read.
        damage: The number of complete lines that were none of these, in words; empty if there are none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self.steps: Steps = {}
        self._offset, self._last, self._unread = 0, b"", 0

    @property
    def damage(self) -> str:
        return f"{self.path}: {self._unread} lines cannot be read and are left out" if self._unread else ""

    def read_on(self) -> None:
        """Read the complete lines that have been added; all, when the file was written anew."""
        with self.path.open("rb") as file:
            file.seek(self._offset - len(self._last))
            if file.read(len(self._last)) != self._last:
                self._begin()
                file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset, self._last = self._offset + len(line), line
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            step, data = int(record["step"]), record["data"].items()
        except (ValueError, KeyError, TypeError, AttributeError):
            self._unread += 1
            return
        self.steps.setdefault(step, {}).update({name: float(value) for name, value in data if _is_finite(value)})


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
