"""Which evaluation a result folder belongs to, and the time spent on it; one process at a time."""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from gd2po.evaluation.results import ResultError

RECORD = "run.json"


class Record:
    """The settings of an evaluation and its sittings, kept in :data:`RECORD`; made by :func:`open_record`."""

    def __init__(self, file: TextIO, settings: dict[str, Any], sittings: list[dict[str, Any]]) -> None:
        self._file = file
        self._settings = settings
        self._sittings = [*sittings, {"started": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": 0.0}]
        self._clock = time.monotonic()

    @property
    def started(self) -> str:
        """When the first sitting began."""
        return str(self._sittings[0]["started"])

    @property
    def seconds(self) -> float:
        """Spent over all sittings, as of the last :meth:`save`."""
        return round(sum(sitting["seconds"] for sitting in self._sittings), 1)

    def save(self) -> None:
        """Write the time of this sitting."""
        self._sittings[-1]["seconds"] = round(time.monotonic() - self._clock, 1)
        self._file.seek(0)
        self._file.truncate()
        json.dump({"settings": self._settings, "sittings": self._sittings}, self._file, indent=2)
        self._file.flush()


@contextmanager
def open_record(folder: Path, settings: Mapping[str, Any]) -> Iterator[Record]:
    """The record of ``folder``, held until the block ends and saved then.

    Args:
        folder: of the results; made if need be.
        settings: JSON values; the same in every sitting.

    Raises:
        ResultError: the folder belongs to an evaluation with other settings, or another process is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RECORD
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultError(f"{folder} is being written by another process; wait for it to end") from None
        file.seek(0)
        text = file.read()
        wanted = json.loads(json.dumps(settings))
        found = json.loads(text or json.dumps({"settings": wanted, "sittings": []}))
        _check_same(folder, found["settings"], wanted)
        record = Record(file, wanted, found["sittings"])
        record.save()
        try:
            yield record
        finally:
            record.save()


def _check_same(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        changes = "; ".join(f"{name} was {found.get(name)!r}, is {wanted[name]!r}" for name in different)
        raise ResultError(f"{folder} belongs to another evaluation: {changes}. Choose another output folder")
