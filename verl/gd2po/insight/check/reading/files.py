"""Which file is in which format."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.csv_file import CsvFile
from gd2po.insight.check.reading.jsonl import JsonFile
from gd2po.insight.check.reading.parquet_file import ParquetFile
from gd2po.insight.check.reading.sources import Source
from gd2po.insight.check.reading.steps import step_in
from gd2po.insight.check.reading.streams import Content, readable

_FORMATS: dict[str, Callable[[Content], Source]] = {
    ".jsonl": JsonFile,
    ".ndjson": JsonFile,
    ".json": JsonFile,
    ".csv": CsvFile,
    ".tsv": CsvFile,
    ".parquet": ParquetFile,
}
_PACKED = {".gz", ".bz2", ".zst", ".xz"}
_TABLES = {".txt", ".tab", ".dat"}
"""Ends of names of tables of text."""

_ROLLOUTS = {"rollouts", "completions"}
"""Folders of a run with its rollouts, as this plug-in and TRL write them."""

_NO_ROLLOUTS = {"gd2po_settings.json", "gd2po_starts.jsonl"}
"""Files of a run that lie beside its rollouts."""


def open_sources(names: Sequence[str]) -> list[Source]:
    """Every file, opened far enough to know its columns; a folder stands for its files, ``-`` for the standard input.

    A file that is given twice counts once.

    Raises:
        CheckError: a format is not known, or a folder holds none.
        FileNotFoundError: a file is not there.
    """
    given = [name for name in names for name in _files(name)]
    return [
        _open(name) for name in {name if name == "-" else str(Path(name).resolve()): name for name in given}.values()
    ]


def _files(given: str) -> Iterator[str]:
    if given == "-" or not Path(given).is_dir():
        yield given
        return
    below = list(Path(given).iterdir())
    files = sorted(filter(_is_rollouts, below))
    if not files:  # the folder of a run, where checkpoints are folders of steps too, or a folder for each step
        folders = sorted(filter(Path.is_dir, below))
        named = [path for path in folders if path.name in _ROLLOUTS]
        chosen = named or [path for path in folders if step_in(path.name)]
        files = [path for folder in chosen for path in sorted(filter(_is_rollouts, folder.iterdir()))]
    if not files:
        raise CheckError(f"{given} holds none of: {', '.join(_FORMATS)}; give files, or a folder of them")
    yield from map(str, files)


def _is_rollouts(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name in _NO_ROLLOUTS
    return path.is_file() and not hidden and _format(path) is not None


def _open(name: str) -> Source:
    path = Path(name)
    if name != "-" and not path.is_file():
        raise FileNotFoundError(f"{name} is not there; expected a file, a folder, or - for the standard input")
    content = Content(name)
    form = ParquetFile if content.head.startswith(b"PAR1") else _format(path) or _form_of(content)
    if form is CsvFile and content.decoded_head().lstrip().startswith(('{"', '[{"')):
        form = JsonFile
    with readable(content.name):
        return form(content)


def _format(path: Path) -> Callable[[Content], Source] | None:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _PACKED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None


def _form_of(content: Content) -> Callable[[Content], Source]:
    """The format of a file whose name tells none."""
    start = content.decoded_head().lstrip()
    if start.startswith(("{", "[")):
        return JsonFile
    if start and (content.name == "standard input" or Path(content.name).suffix.lower() in _TABLES):
        return CsvFile
    if not start:
        raise CheckError(f"{content.name} is empty, or in a format that is not known; expected JSON, CSV or Parquet")
    raise CheckError(
        f"{content.name} is in a format that is not known; expected one of: {', '.join(_FORMATS)}, or - for the input"
    )
