"""JSON: an object per line, or documents: arrays, tables ``{columns, data}`` and objects printed over several lines."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from pydantic_core import from_json

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.sampling import spread
from gd2po.insight.check.reading.sources import Chunk, Faults, Row, chunks_of, refuse_doubled
from gd2po.insight.check.reading.streams import Content

LONGEST_DOCUMENT = 512 << 20
"""Characters of one JSON value that is not on one line, which has to be in memory as a whole."""

_BETWEEN = " \t\r\n,\ufeff\x1e"
"""Characters between values: spaces, commas, byte-order marks, record separators."""

_GAP = re.compile(rf"[\s{_BETWEEN}]*")

_PIECE = 1 << 20
_FIRST_LINES, _SHOWN = 20, 40
_PYTHON = re.compile(r"[\[\s]*\{\s*'")
_PYTHONS = "in the notation of Python, not JSON; write it with json.dumps"


class JsonFile:
    """JSON in lines or documents."""

    def __init__(self, content: Content) -> None:
        self.name, self._content = content.name, content
        with content.text() as text:
            self._lines = _is_lines(text, self.name)
        self.unit = "line" if self._lines else "object"
        if self._lines:
            with self._open_lines() as lines:
                head = spread(lines, len)
            for line in head:
                _refuse_doubled_keys(line, self.name)
            self.sample: Sequence[Row] = [row for row in map(_parsed, head) if isinstance(row, dict)]
        else:
            rows = (row for _, row in self._documents(Faults()))
            self.sample = spread(rows, lambda row: len(repr(row)))
        if not self.sample:
            start = content.decoded_head()[:_SHOWN]
            if _PYTHON.match(start):
                raise CheckError(f"{self.name} is {_PYTHONS}")
            raise CheckError(f"{self.name} holds no JSON object: expected one per line, or an array; found {start!r}")

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        yield from chunks_of(self._in_lines(faults) if self._lines else self._documents(faults), columns)

    def _open_lines(self) -> Any:
        encoding = self._content.encoding
        return self._content.open() if encoding == "utf-8" else self._content.text(newline=None)

    def _in_lines(self, faults: Faults) -> Iterator[tuple[int, Row]]:
        with self._open_lines() as lines:
            for number, line in enumerate(lines, 1):
                row = _parsed(line)
                if isinstance(row, dict):
                    yield number, row
                elif line.strip():
                    faults.add(f"{self.name}, line {number}", "not a JSON object")

    def _documents(self, faults: Faults) -> Iterator[tuple[int, Row]]:
        with self._content.text() as text:
            rows = (row for value in _values(text, self.name) for row in _rows_of(value, self.name))
            for number, row in enumerate(rows, 1):
                if isinstance(row, dict):
                    yield number, _clean(row)
                else:
                    faults.add(f"{self.name}, object {number}", "not a JSON object")


def _is_lines(text: TextIO, file: str) -> bool:
    """Whether there is an object per line, as far as the first lines tell."""
    lines = [line for _ in range(_FIRST_LINES) if (line := text.readline(LONGEST_DOCUMENT)).strip(_BETWEEN)]
    first = lines[0].lstrip(_BETWEEN) if lines else ""
    if first.startswith("["):
        return first[1:].lstrip()[:1] not in ("{", "")
    if not first.startswith("{"):
        return True
    row = _parsed(first)
    if isinstance(row, dict):
        return len(lines) > 1 or _rows_of(row, file) == [row]
    return any(isinstance(_parsed(line), dict) for line in lines if line.startswith("{"))


def _rows_of(value: Any, file: str) -> list[Any]:
    """The rows of a table ``{columns, data}``, ``{index: row}`` or ``{column: {index: cell}}``; else the value."""
    if not isinstance(value, dict):
        return [value]
    names, rows = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(rows, list):
        names = list(map(str, names))
        refuse_doubled(file, names, "JSON")
        fit = [isinstance(row, list) and len(row) == len(names) for row in rows]
        return [dict(zip(names, row, strict=False)) if fits else row for fits, row in zip(fit, rows, strict=True)]
    parts = list(value.values())
    if len(parts) < 2 or not all(isinstance(part, dict) for part in parts):
        return [value]
    if all(key.isdecimal() for key in value):
        return parts
    indices = parts[0].keys()
    if indices and all(map(str.isdecimal, indices)) and all(part.keys() == indices for part in parts):
        return [{name: column[index] for name, column in value.items()} for index in indices]
    return [value]


def _refuse_doubled_keys(line: bytes | str, file: str) -> None:
    """Refuse an object in which a key stands twice: parsers keep one of the two."""
    keys = _DoubledKeys()
    try:
        json.loads(line, object_pairs_hook=keys.object_of)
    except (ValueError, RecursionError):
        return
    refuse_doubled(file, keys.names, "JSON")


class _DoubledKeys:
    """Notes the keys of the first object in which one stands twice, since a parser keeps only the last."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def object_of(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs) and not self.names:
            self.names = [key for key, _ in pairs]
        return entries


def _values(text: TextIO, name: str) -> Iterator[Any]:
    """The values of a document: the elements of an array at its top, or one value after the other."""
    buffer, position, before, in_array, ended = "", 0, 0, False, False
    keys = _DoubledKeys()
    decoder = json.JSONDecoder(object_pairs_hook=keys.object_of)
    while True:
        position = _GAP.match(buffer, position).end()  # type: ignore[union-attr]
        if buffer[position : position + 1] == ("]" if in_array else "["):
            in_array, position = not in_array, position + 1
            continue
        try:
            value, end = decoder.raw_decode(buffer, position)
        except (ValueError, RecursionError) as error:
            end = len(buffer)
            if ended and position < end:
                python = f"; {name} is {_PYTHONS}" if _PYTHON.match(buffer, position) else ""
                place = error.pos if isinstance(error, json.JSONDecodeError) else position
                reason = str(error).partition(": line ")[0]
                raise CheckError(
                    f"{name} is no JSON from character {before + place + 1} on: {reason}{python}"
                ) from error
        else:
            if end < len(buffer) or ended:  # a number at the end may go on
                refuse_doubled(name, keys.names, "JSON")
                yield value
                position = end
                continue
        if ended:
            return
        buffer, position, before = buffer[position:], 0, before + position
        piece = text.read(max(_PIECE, len(buffer)))
        ended = not piece
        buffer += piece
        if len(buffer) > LONGEST_DOCUMENT:
            raise CheckError(
                f"{name} holds a JSON value of more than {LONGEST_DOCUMENT:,} characters; write one object per line"
            )


def _parsed(line: bytes | str) -> Any:
    """What a line holds; texts that are cut within an escape are read by the standard library, None if it cannot."""
    try:
        return from_json(line, cache_strings="keys")
    except (ValueError, TypeError):  # a text with half a pair is of the wrong type there
        text = line.decode("utf-8", "surrogateescape") if isinstance(line, bytes) else line
    try:
        return _clean(json.loads(text.strip(_BETWEEN)))
    except (ValueError, RecursionError):
        return None


def _clean(value: Any) -> Any:
    """A value whose texts have a replacement character for each half of a pair."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
