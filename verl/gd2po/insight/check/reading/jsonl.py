"""JSON lines, from a file (compressed ones too) or from the standard input."""

import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pydantic_core import from_json

from gd2po.insight.check.reading.cells import kind_of
from gd2po.insight.check.reading.sources import Chunk, Faults, Kind, Row, chunks_of, overall

SAMPLE = 1 << 20
"""Bytes of a file from which its columns are known, with a whole line at least."""

_BUFFER = 1 << 20


class JsonLines:
    """A JSON object per line."""

    unit = "line"

    def __init__(self, name: str, lines: Callable[[], Iterable[bytes]]) -> None:
        """
        Args:
            name: The name of the file.
            lines: Opens the file and gives its lines; called twice.
        """
        self.name, self._lines = name, lines
        self.kinds = _kinds(row for _, row in self._rows(_head(lines()), Faults()))

    @classmethod
    def of_file(cls, path: str) -> "JsonLines":
        """A file; ``.gz``, ``.bz2`` and ``.zst`` are unpacked."""

        def lines() -> Iterator[bytes]:
            with pa.input_stream(path) as stream:
                yield from io.BufferedReader(stream, _BUFFER)

        return cls(path, lines)

    @classmethod
    def of_stream(cls, name: str, stream: BinaryIO) -> "JsonLines":
        """A stream that can be read once."""
        head = list(_head(stream))
        return cls(name, lambda: itertools.chain(head, stream))

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        return chunks_of(self._rows(self._lines(), faults), columns)

    def _rows(self, lines: Iterable[bytes], faults: Faults) -> Iterator[tuple[int, Row]]:
        for number, line in enumerate(lines, 1):
            row = _parsed(line)
            if isinstance(row, dict):
                yield number, row
            elif line.strip():
                faults.add(f"{self.name}, line {number}", "not a JSON object")


def _head(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The first lines, up to the one with which there are bytes enough."""
    read = 0
    for line in lines:
        yield line
        read += len(line)
        if read >= SAMPLE:
            return


def _kinds(rows: Iterable[Row]) -> Mapping[str, Kind]:
    cells: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    for row in rows:
        for name, value in row.items():
            cells[name][kind_of(value)] += 1
    return {name: overall(counts) for name, counts in cells.items()}


def _parsed(line: bytes) -> Any:
    try:
        return from_json(line, cache_strings="keys")
    except ValueError:
        return None
