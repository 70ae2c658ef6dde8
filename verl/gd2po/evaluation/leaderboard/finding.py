"""Which folders hold results."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gd2po.evaluation.results import SUMMARY, ResultError, Summary, read_summary


@dataclass(frozen=True, slots=True)
class Result:
    """A result and where it lies."""

    folder: Path
    summary: Summary


@dataclass(frozen=True, slots=True)
class Found:
    """The results under some folders, by path, and why a ``summary.json`` among them is not one."""

    results: tuple[Result, ...]
    left_out: tuple[str, ...]


def find_results(folders: Iterable[Path]) -> Found:
    """Every result in ``folders`` or below them, each once.

    Raises:
        ResultError: a folder without any ``summary.json``, or none that can be read.
    """
    results, left_out = [], []
    for folder in sorted({holding.resolve() for start in folders for holding in _holding(start)}):
        try:
            results.append(Result(folder, _with_scores(folder)))
        except ResultError as error:
            left_out.append(str(error))
    if not results:
        raise ResultError("\n".join(["no result can be read:", *left_out]))
    return Found(tuple(results), tuple(left_out))


def _with_scores(folder: Path) -> Summary:
    summary = read_summary(folder)
    if not summary.scores:
        raise ResultError(f"{folder / SUMMARY} holds no score; its run has not answered anything yet")
    return summary


def _holding(folder: Path) -> list[Path]:
    found = [path.parent for path in folder.rglob(SUMMARY)]
    if not found:
        raise ResultError(f"{folder} holds no {SUMMARY} at any depth; expected folders that `gd2po eval` wrote")
    return found
