"""The file of a run's answers: appended to as they come, read again when the run goes on.

The first line says which engine answers and how it decodes; answers of another are never put beside them. Each further
line is a :class:`Generation` with a checksum of its messages, the start of its sitting and the seconds since then. A
request that failed and was asked again has several lines, and the last one counts.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError
from gd2po.evaluation.generation.contract import Generation, Request

logger = logging.getLogger(__name__)

SYNC_ANSWERS, SYNC_SECONDS = 16, 1.0
"""Answers are forced to the disk in groups of this size, or after this time, whichever comes first."""


class AnswersError(GD2POError, ValueError):
    """A file of answers that must not be added to."""


class AnswerFile:
    """Opens, or makes, the file for one engine and decoding. Use it as a context manager.

    A last line that an interruption has torn is cut off, with a warning.

    Args:
        path: the file; its folder is made.
        engine: what answers and how, as JSON values.

    Attributes:
        lines: the last line of each request, by its id.

    Raises:
        AnswersError: the file holds answers of another engine or decoding, is damaged, or is being written to.
    """

    def __init__(self, path: Path, engine: Mapping[str, Any]) -> None:
        self._path = path
        self._sitting = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._start = self._synced = time.monotonic()
        self._unsynced = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="utf-8")
        try:
            self.lines = self._open(dict(engine))
        except BaseException:
            self._file.close()
            raise

    def _open(self, engine: dict[str, Any]) -> dict[str, dict[str, Any]]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnswersError(f"{self._path} is being written by another process; wait for it to end") from None
        _cut_torn_line(self._path)
        lines = read_lines(self._path)
        if not lines:
            self._write(engine)
            return {}
        _check_same(self._path, lines[0], engine)
        return {line["id"]: line for line in lines[1:]}

    def answered(self, request: Request) -> Generation | None:
        """The answer to a request, or None where there is none yet or it failed.

        Raises:
            AnswersError: the answer is to other messages under the same id.
        """
        line = self.lines.get(request.id)
        if line is None or line["finish"] == "error":
            return None
        if line["messages"] != checksum(request):
            raise AnswersError(
                f"{self._path} answers {request.id} for other messages than it has now, so the data has changed; "
                "choose another output folder"
            )
        return Generation(**{name: line[name] for name in Generation.__dataclass_fields__})

    def add(self, request: Request, generation: Generation) -> None:
        """Append one answer."""
        seconds = round(time.monotonic() - self._start, 3)
        self._write(asdict(generation) | {"messages": checksum(request), "sitting": self._sitting, "seconds": seconds})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._unsynced += 1
        if self._unsynced >= SYNC_ANSWERS or time.monotonic() - self._synced >= SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._unsynced, self._synced = 0, time.monotonic()

    def __enter__(self) -> "AnswerFile":
        return self

    def __exit__(self, *exception: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def checksum(request: Request) -> str:
    """Of the messages."""
    return hashlib.sha256(json.dumps(request.messages, sort_keys=True).encode()).hexdigest()[:16]


def time_spent(path: Path) -> tuple[str, float]:
    """When the first sitting began (ISO 8601, UTC), and the seconds up to the last answer of each, summed."""
    last: dict[str, float] = {}
    for line in read_lines(path)[1:]:
        last[line["sitting"]] = line["seconds"]
    return min(last, default=""), sum(last.values())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All complete lines.

    Raises:
        AnswersError: one of them is no JSON object.
    """
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            lines.append(dict(json.loads(text)))
        except (ValueError, TypeError) as error:
            raise AnswersError(f"{path}:{number} is damaged ({error}); delete the line, or the file") from error
    return lines


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        logger.warning("%s: the last line was torn by an interruption; it is dropped and asked again", path)
        os.truncate(path, end)


def _check_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(wanted))
    different = [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]
    if different:
        changes = "; ".join(f"{name} was {found.get(name)!r}, is {wanted.get(name)!r}" for name in different)
        raise AnswersError(
            f"{path} holds answers of another run: {changes}. Choose another output folder, or delete this file to "
            "start anew"
        )
