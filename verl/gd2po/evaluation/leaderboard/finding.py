"""Results in folders, and the conditions under which they were obtained: only results of equal ones share a table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.evaluation.results import SUMMARY, ResultError, Summary, read_summary

_CHECKSUM = re.compile(r"[0-9a-f]{40,}")


@dataclass(frozen=True, slots=True)
class Result:
    """A result and its folder."""

    folder: Path
    summary: Summary


@dataclass(frozen=True, slots=True)
class CollectedResults:
    """The results under some folders, by path, and the reasons why other files ``summary.json`` were left out."""

    results: tuple[Result, ...]
    left_out: tuple[str, ...]


def find_results(folders: Iterable[Path]) -> CollectedResults:
    """Every result in ``folders`` or below them, each once.

    Raises:
        ResultError: A folder has no ``summary.json`` at all, or none can be read.
    """
    results, left_out = [], []
    for folder in sorted({path.resolve() for start in folders for path in _holding(start)}):
        try:
            results.append(Result(folder, _with_scores(folder)))
        except ResultError as error:
            left_out.append(str(error))
    if not results:
        raise ResultError("\n".join(["no result can be read:", *left_out]))
    return CollectedResults(tuple(results), tuple(left_out))


def _with_scores(folder: Path) -> Summary:
    summary = read_summary(folder)
    if not summary.scores:
        raise ResultError(f"{folder / SUMMARY} holds no score; its run has not answered anything yet")
    return summary


def _holding(folder: Path) -> list[Path]:
    holding = [path.parent for path in folder.rglob(SUMMARY)]
    if not holding:
        raise ResultError(f"{folder} holds no {SUMMARY} at any depth; expected folders that `gd2po eval` wrote")
    return holding


def by_setting(results: Sequence[Result]) -> list[list[Result]]:
    """``results`` of one benchmark, parted by version and decoding; the largest part first.

    A version names what was evaluated (a file or a package each), so two versions are equal where no name that both
    have differs.
    """
    parts: list[list[Result]] = []
    for result in results:
        home = next((part for part in parts if all(_comparable(result, other) for other in part)), None)
        if home is None:
            parts.append([result])
        else:
            home.append(result)
    return sorted(parts, key=len, reverse=True)


def describe(part: Sequence[Result]) -> str:
    """Version and decoding of a table in one line, checksums cut short."""
    return " · ".join(filter(None, (_listed(_version(part)), _listed(_decoding(part)))))


def differences(part: Sequence[Result], reference: Sequence[Result]) -> str:
    """The differences of ``part`` from ``reference``, for a reader."""
    mine, other = _version(part) | _decoding(part), _version(reference) | _decoding(reference)
    one_sided = _version(part).keys() ^ _version(reference).keys()
    return "; ".join(
        f"{name} {_short(mine.get(name))} instead of {_short(other.get(name))}"
        for name in other | mine
        if name not in one_sided and mine.get(name) != other.get(name)
    )


def _comparable(first: Result, second: Result) -> bool:
    shared = first.summary.version.keys() & second.summary.version.keys()
    return first.summary.decoding == second.summary.decoding and all(
        first.summary.version[name] == second.summary.version[name] for name in shared
    )


def _version(part: Sequence[Result]) -> dict[str, Any]:
    return {name: value for result in part for name, value in result.summary.version.items()}


def _decoding(part: Sequence[Result]) -> dict[str, Any]:
    return dict(part[0].summary.decoding)


def _listed(conditions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in conditions.items())


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text[:12] if _CHECKSUM.fullmatch(text) else text
