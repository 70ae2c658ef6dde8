"""A file that a run appends to as its results come, and reads again when it goes on after an interruption.

The first line says what made the others; lines of another origin are never put beside them. Each further line carries
the start of its session, which is one process at work, and the seconds since then.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError

logger = logging.getLogger(__name__)

SYNC_LINES, SYNC_SECONDS = 16, 1.0
"""Lines are forced to the disk in groups of this size, or after this time, whichever comes first."""


class JournalError(GD2POError, ValueError):
    """A journal that must not be added to."""


class Journal:
    """Opens, or makes, the file. Use it as a context manager.

    A last line that an interruption has torn is cut off, with a warning.

    Args:
        path: The file of JSON lines; its folder is made.
        origin: What makes the lines and how, as JSON values.
        what: The plural noun for the lines, for messages.

    Attributes:
        lines: The lines that the file had when it was opened, without the first.

    Raises:
        JournalError: The file is of another origin, is damaged, or is being written to.
    """

    def __init__(self, path: Path, origin: Mapping[str, Any], what: str) -> None:
        self.path = path
        self._session = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._start = self._synced = time.monotonic()
        self._unsynced = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="utf-8")
        try:
            self.lines = self._open(dict(origin), what)
        except BaseException:
            self._file.close()
            raise

    def _open(self, origin: dict[str, Any], what: str) -> list[dict[str, Any]]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{self.path} is being written by another process; wait for it to end") from None
        _cut_torn_line(self.path)
        lines = read_lines(self.path)
        if not lines:
            self._write(origin)
            return []
        _check_same(self.path, lines[0], origin, what)
        return lines[1:]

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line."""
        seconds = round(time.monotonic() - self._start, 3)
        self._write({**line, "session": self._session, "seconds": seconds})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._unsynced += 1
        if self._unsynced >= SYNC_LINES or time.monotonic() - self._synced >= SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._unsynced, self._synced = 0, time.monotonic()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def time_spent(path: Path) -> tuple[str, float]:
    """The beginning of the first session (ISO 8601, UTC), and the seconds to the last line of each session, summed."""
    seconds: dict[str, float] = {}
    for line in read_lines(path)[1:]:
        seconds[line.get("session") or line["sitting"]] = line["seconds"]  # "sitting" in files of earlier releases
    return min(seconds, default=""), sum(seconds.values())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All complete lines.

    Raises:
        JournalError: A line is no JSON object.
    """
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            lines.append(dict(json.loads(text)))
        except (ValueError, TypeError) as error:
            raise JournalError(f"{path}:{number} is damaged ({error}); delete the line, or the file") from error
    return lines


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        logger.warning("%s: the last line was torn by an interruption; it is dropped and asked again", path)
        os.truncate(path, end)


def _check_same(path: Path, recorded: Mapping[str, Any], current: Mapping[str, Any], what: str) -> None:
    current = json.loads(json.dumps(current))
    different = [name for name in sorted({*recorded, *current}) if recorded.get(name) != current.get(name)]
    if different:
        changes = "; ".join(f"{name} was {recorded.get(name)!r}, is {current.get(name)!r}" for name in different)
        raise JournalError(
            f"{path} holds {what} of another run: {changes}. Choose another output folder, or delete this one to "
            "start anew"
        )
