"""The metrics of a run by step, from all files of its trackers: TensorBoard events, JSON lines of the file logger.

Each file is read on from where it was left. TensorBoard's own ``EventFileLoader`` takes a damaged event for one that is
still being written, so a damaged file would end without a word; here it is named.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError
from gd2po.insight.metric_lines import MetricLines, Steps


class ReportError(GD2POError, ValueError):
    """There is nothing to report on: no run, or no finished step."""


class EventFile:
    """Scalars of one TensorBoard event file.

    Attributes:
        steps: The metrics that have been read.
        damage: The reason why nothing more is read; empty if there is none.
    """

    def __init__(self, path: Path) -> None:
        from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

        self.path = path
        self.steps: Steps = {}
        self.damage = ""
        self._reader: Any = PyRecordReader_New(str(path))

    def read_on(self) -> None:
        """Read what has been added; an event that is still being written waits for the next time."""
        for event in self._events():
            for value in event.summary.value:
                if value.HasField("simple_value") and math.isfinite(value.simple_value):
                    self.steps.setdefault(event.step, {})[value.tag] = value.simple_value

    def _events(self) -> Iterator[Any]:
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.tensorflow_stub.errors import DataLossError, OutOfRangeError

        while not self.damage:
            try:
                self._reader.GetNext()
                yield Event.FromString(self._reader.record())
            except OutOfRangeError:
                return
            except (DataLossError, DecodeError) as error:
                if "truncated record" in str(error):
                    return
                self.damage = f"{self.path}: an event cannot be read ({error}); what follows it is left out"


class Metrics:
    """The metrics of one run folder, read on from where they were left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: dict[Path, EventFile] = {}
        self._lines: dict[Path, MetricLines] = {}

    def read_on(self) -> Steps:
        """All steps up to now. Where both trackers have a value, the file logger's counts: it has all digits."""
        for path in sorted(self._folder.glob("**/events.out.tfevents.*")):
            self._events.setdefault(path, EventFile(path)).read_on()
        for path in sorted(self._folder.glob("metrics*.jsonl")):
            self._lines.setdefault(path, MetricLines(path)).read_on()
        merged = _in_turn(file.steps for file in self._events.values())
        for step, values in _in_turn(file.steps for file in self._lines.values()).items():
            merged[step] = merged.get(step, {}) | values
        return dict(sorted(merged.items()))

    @property
    def damage(self) -> list[str]:
        """What could not be read."""
        files: list[EventFile | MetricLines] = [*self._events.values(), *self._lines.values()]
        return [file.damage for file in files if file.damage]


def _in_turn(starts: Iterable[Steps]) -> Steps:
    """Steps of one start after the other: what a start resumes from takes the place of what came after it before."""
    merged: Steps = {}
    for steps in starts:
        first = min(steps, default=math.inf)
        merged = {step: values for step, values in merged.items() if step <= first}
        for step, values in steps.items():
            merged[step] = merged.get(step, {}) | values
    return merged
