"""Whether the output of a test is the expected one; compared in our process, on text and plain values."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?")
_LONGEST_NUMBER = 400
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6
_DEEPEST = 200


def same_output(output: bytes, expected: str) -> bool:
    """Whether two outputs are the same: line by line and word by word, white space and empty lines aside.

    Words that are numbers are compared as numbers: exactly where the expected one is a whole number (`3.0` is 3, `03`
    is not), else within 1e-5 of it or 1e-6.
    """
    lines, expected_lines = _lines(output.decode("utf-8", "surrogateescape")), _lines(expected)
    return len(lines) == len(expected_lines) and all(map(_same_line, lines, expected_lines))


def _lines(text: str) -> list[list[str]]:
    return [words for line in text.split("\n") if (words := line.split())]


def _same_line(given: list[str], expected: list[str]) -> bool:
    return len(given) == len(expected) and all(map(_same_word, given, expected))


def _same_word(given: str, expected: str) -> bool:
    if given == expected:
        return True
    if max(len(given), len(expected)) > _LONGEST_NUMBER or not (
        _NUMBER.fullmatch(given) and _NUMBER.fullmatch(expected)
    ):
        return False
    if expected.lstrip("+-").isdecimal():
        return not given.lstrip("+-").isdecimal() and Decimal(given) == Decimal(expected)
    return _close(float(given), float(expected))


def _close(given: float, expected: float) -> bool:
    return math.isclose(given, expected, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def same_value(output: bytes, expected: Any) -> bool:
    """Whether the value of a call, as the runner wrote it, is the expected one.

    A tuple is a list, since JSON has no tuples; sets and other objects equal nothing. A number that is a float may
    differ as in :func:`same_output`. The expected value may stand alone in a list, as APPS writes it.
    """
    try:
        value = json.loads(output.decode("utf-8", "surrogateescape"), object_hook=_read_tagged)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    alone = isinstance(expected, list) and len(expected) == 1
    return _same(value, expected, 0) or (alone and _same(value, expected[0], 0))


class _NoJson:
    """A value that JSON does not have: it equals nothing."""


def _read_tagged(tagged: dict[str, Any]) -> Any:
    ((tag, content),) = tagged.items()
    makers: dict[str, Callable[[Any], Any]] = {"i": lambda digits: int(digits, 16), "d": _dictionary, "t": list}
    return makers[tag](content) if tag in makers else _NoJson()


def _dictionary(pairs: list[list[Any]]) -> dict[str, Any]:
    return {key if isinstance(key, str) else json.dumps(key): value for key, value in pairs}


def _same(given: Any, expected: Any, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(given, dict) and isinstance(expected, dict):
        return given.keys() == expected.keys() and all(_same(given[key], expected[key], depth + 1) for key in given)
    if isinstance(given, list) and isinstance(expected, (list, tuple)):
        return len(given) == len(expected) and all(
            _same(item, expected_item, depth + 1) for item, expected_item in zip(given, expected, strict=True)
        )
    if (
        isinstance(given, (int, float))
        and isinstance(expected, (int, float))
        and float in (type(given), type(expected))
    ):
        return given == expected or _close_numbers(given, expected)
    return type(given) in (str, int, bool, type(None)) and bool(given == expected)


def _close_numbers(given: float, expected: float) -> bool:
    try:
        return _close(float(given), float(expected))
    except OverflowError:
        return False
