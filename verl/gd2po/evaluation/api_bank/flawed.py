"""Items whose gold answer is wrong or cannot be known, by level and index; a test derives the lists from the files.

The files stay as published, so that scores can be compared. A summary gives each share with and without these items.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gd2po.evaluation.api_bank.items import LEVELS

_CORRUPT = "the gold call of BookHotel was cut up on extraction: adult_count is no number, child_count is missing"
_UNDECLARED = "the gold call uses device_id, a parameter that the prompt does not list"
_ABSENT = "the gold call is of a tool that the prompt does not offer"

FLAWED: Mapping[int, Mapping[int, str]] = MappingProxyType({
    1: MappingProxyType(
        dict.fromkeys((258, 285, 323, 341, 393), _CORRUPT)
        | dict.fromkeys((61, 130, 164, 167, 215, 261, 270, 357), _UNDECLARED)
    ),
    2: MappingProxyType(dict.fromkeys((6, 13, 14, 19, 25, 54), _ABSENT)),
    3: MappingProxyType({}),
})  # fmt: skip
"""Per level and index, the flaw of the gold answer."""

DUPLICATES: Mapping[int, Mapping[int, int]] = MappingProxyType({
    1: MappingProxyType({22: 21, 27: 26, 31: 30, 58: 57, 77: 76, 95: 94, 144: 143, 170: 169, 189: 188, 240: 239}),
    2: MappingProxyType({}),
    3: MappingProxyType({}),
})  # fmt: skip
"""Per level and index, the index of an earlier item with the same prompt and gold answer. These items count."""


def flaw_notes(levels: Iterable[int]) -> tuple[str, ...]:
    """One sentence per level and kind of flaw, for the notes of a summary."""
    return tuple(
        f"lv{level}: {reason} (items {', '.join(str(index) for index in sorted(indexes))} of 0–{LEVELS[level] - 1})"
        for level in sorted(levels)
        for reason, indexes in _by_reason(FLAWED[level]).items()
    )


def _by_reason(flaws: Mapping[int, str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for index, reason in flaws.items():
        grouped.setdefault(reason, []).append(index)
    return grouped
