"""Whether two answers are equal, as a mathematician would say; cheap rules decide most, math-verify the rest."""

import functools
import re
from fractions import Fraction

from gd2po.errors import DataError
from gd2po.rewards.math.judges import judge
from gd2po.rewards.math.normal_form import choice_letter, exact_value, normal_form

LONGEST_ANSWER = 500
"""An answer of more characters that is not written like the reference is wrong: no reference comes near it."""

_UNIT = re.compile(
    r"(?P<number>.*[\d}%)])(?:\s|\\[,;: ])*"
    r"(?:\\(?:text|mathrm|mbox)\s*\{\s*(?P<text>[^{}\d]+?)\s*\}|(?P<words>[A-Za-z]{2}[A-Za-z ]*))"
    r"(?:\s*\^\s*\{?(?P<power>\d)\}?)?\s*\.?\s*\$?",
    re.DOTALL,
)
_BASED = re.compile(r"(\w+)_\{?(\d+)\}?")
_LIST = re.compile(r"[^()\[\]{}\\]*,[^()\[\]{}\\]*")
_TUPLE = re.compile(r"[(\[].*,.*[)\]]")


def check_reference(reference: str) -> str:
    """The reference, if answers can be compared with it.

    Raises:
        DataError: The reference is empty, or longer than any answer may be.
    """
    form = normal_form(reference)
    if not form:
        raise DataError(
            f"the reference answer is {reference!r}: expected an answer in text or LaTeX, such as \\frac{{3}}{{4}}"
        )
    if len(form) > LONGEST_ANSWER:
        raise DataError(
            f"the reference answer has {len(form)} characters, expected at most {LONGEST_ANSWER}: give the final "
            f"answer alone, not the solution (it begins {form[:40]!r})"
        )
    return form


def equal(answer: str, reference: str) -> bool:
    """Whether an answer is the reference.

    Numbers are compared exactly, units only where both have one, percentages also as the number before the sign. A
    decimal of six or more digits stands for the irrational number that rounds to it.

    Args:
        answer: The final answer as it was written.
        reference: The reference answer.

    Raises:
        DataError: The reference cannot be compared with anything.
    """
    expected = check_reference(reference)
    given = normal_form(answer) if len(answer) <= 4 * LONGEST_ANSWER else ""  # white space and braces take some
    if given == expected or (given.casefold() == expected.casefold() and expected.isalpha() and len(expected) > 1):
        return True
    if not given or len(given) > LONGEST_ANSWER:
        return False
    if (letter := choice_letter(expected)) and (chosen := choice_letter(given)):
        return chosen == letter
    if (decided := _by_base(given, expected)) is not None:
        return decided
    (given, unit), (expected, expected_unit) = _without_unit(answer, given), _without_unit(reference, expected)
    if unit and expected_unit and unit != expected_unit:
        return False
    if given == expected:
        return True
    expected_value, values = exact_value(expected.removesuffix("%")), _values(given, expected)
    if expected_value is not None and values and _terminates(expected_value):
        return expected_value in values
    if _TUPLE.fullmatch(expected) and _LIST.fullmatch(given):
        return False
    return _judged(given, expected)


_judged = functools.lru_cache(maxsize=16384)(judge)
"""The rollouts of a group often give the same answer."""


def _by_base(given: str, expected: str) -> bool | None:
    """Numerals with a base, such as `12_8`, are equal where their values are; without the base they are not."""
    pair = _BASED.fullmatch(given), _BASED.fullmatch(expected)
    if pair[1] is None or not 2 <= int(pair[1][2]) <= 36:
        return None
    if pair[0] is None or not 2 <= int(pair[0][2]) <= 36:
        return False
    try:
        return int(pair[0][1], int(pair[0][2])) == int(pair[1][1], int(pair[1][2]))
    except ValueError:
        return None  # a letter with a subscript is a variable


def _without_unit(text: str, form: str) -> tuple[str, str]:
    """An answer in normal form without its unit, and the unit in lower case and singular; "" where there is none."""
    match = _UNIT.fullmatch(text.strip()) if len(text) <= LONGEST_ANSWER else None
    if match is None or (match["words"] or "").strip() in ("or", "and"):
        return form, ""
    unit = "".join((match["text"] or match["words"]).lower().split()).removesuffix("s")
    return normal_form(match["number"]), unit + (match["power"] or "")


def _values(given: str, expected: str) -> set[Fraction]:
    """What a number may stand for: 75 % is 3/4; and it is 75 where the reference is a percentage, or a bare number."""
    value = exact_value(given.removesuffix("%"))
    if value is None:
        return set()
    if given.endswith("%"):
        return {value, value / 100}
    return {value, value * 100} if expected.endswith("%") else {value}


def _terminates(value: Fraction) -> bool:
    """Whether a number can be written as a decimal: no other decimal may then stand for it."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
