"""Under which conditions results were made: only equal ones share a table."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gd2po.evaluation.leaderboard.finding import Result

_CHECKSUM = re.compile(r"[0-9a-f]{40,}")


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
    """Version and decoding in one line, checksums cut short."""
    return " · ".join(filter(None, (_listed(_version(part)), _listed(_decoding(part)))))


def differences(part: Sequence[Result], reference: Sequence[Result]) -> str:
    """What sets ``part`` apart from ``reference``, for a reader."""
    mine, other = _version(part) | _decoding(part), _version(reference) | _decoding(reference)
    one_sided = _version(part).keys() ^ _version(reference).keys()
    return "; ".join(
        f"{name} {_short(mine.get(name))} instead of {_short(other.get(name))}"
        for name in other | mine
        if name not in one_sided and mine.get(name) != other.get(name)
    )


def _comparable(first: Result, second: Result) -> bool:
    one, other = first.summary, second.summary
    shared = one.version.keys() & other.version.keys()
    return one.decoding == other.decoding and all(one.version[name] == other.version[name] for name in shared)


def _version(part: Sequence[Result]) -> dict[str, Any]:
    return {name: value for result in part for name, value in result.summary.version.items()}


def _decoding(part: Sequence[Result]) -> dict[str, Any]:
    return dict(part[0].summary.decoding)


def _listed(conditions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in conditions.items())


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text[:12] if _CHECKSUM.fullmatch(text) else text
