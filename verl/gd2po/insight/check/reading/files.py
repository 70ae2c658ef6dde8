"""Which file is in which format."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.csv_file import CsvFile
from gd2po.insight.check.reading.jsonl import JsonLines
from gd2po.insight.check.reading.parquet_file import ParquetFile
from gd2po.insight.check.reading.sources import Source

_FORMATS: dict[str, Callable[[str], Source]] = {
    ".jsonl": JsonLines.of_file,
    ".ndjson": JsonLines.of_file,
    ".json": JsonLines.of_file,
    ".csv": CsvFile,
    ".parquet": ParquetFile,
}
_PACKED = {".gz", ".bz2", ".zst"}


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what pyarrow finds wrong with a file, such as a packed file that was cut, into an error that names it."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise CheckError(f"{name} cannot be read: {error}") from error


def open_sources(names: Sequence[str]) -> list[Source]:
    """Every file, opened far enough to know its columns; a folder stands for its files, ``-`` for the standard input.

    Raises:
        CheckError: a format is not known, or a folder holds none.
        FileNotFoundError: a file is not there.
    """
    return [_open(name) for given in names for name in _files(given)]


def _files(given: str) -> Iterator[str]:
    if given == "-" or not Path(given).is_dir():
        yield given
        return
    files = sorted(path for path in Path(given).iterdir() if _format(path) and not path.name.startswith("."))
    if not files:
        raise CheckError(f"{given} holds none of: {', '.join(_FORMATS)}; give files, or a folder of them")
    yield from map(str, files)


def _open(name: str) -> Source:
    if name == "-":
        return JsonLines.of_stream("standard input", sys.stdin.buffer)
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not there; expected a file, a folder, or - for the standard input")
    form = _format(path)
    if form is None:
        raise CheckError(f"{name} is in a format that is not known; expected one of: {', '.join(_FORMATS)}, or - ")
    with readable(name):
        return form(name)


def _format(path: Path) -> Callable[[str], Source] | None:
    suffixes = [suffix for suffix in path.suffixes if suffix not in _PACKED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None
