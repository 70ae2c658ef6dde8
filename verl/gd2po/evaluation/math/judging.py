"""Whether a response has the reference answer of a problem, by the rules of the problem's set.

Beyond :func:`gd2po.rewards.math.comparison.equal`: several answers in any order, numbers within a tolerance, and an
answer with the unit that the problem fixes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from gd2po.data.mathematics import Problem
from gd2po.evaluation.questions.task import CORRECT, Response
from gd2po.rewards.math.comparison import LONGEST_ANSWER, equal
from gd2po.rewards.math.extraction import final_answer
from gd2po.rewards.math.judges import JUDGES
from gd2po.rewards.math.normal_form import exact_value, normal_form

UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "min": ("min", "minute"),
    "minute": ("minute", "min"),
    "minutes": ("minute", "min"),
    "km": ("km", "kilometer", "kilometre"),
    "km/h": ("km/h", "km/hour", "kilometers per hour", "kilometres per hour"),
    "cm^2": ("cm^2", "square centimeter", "square centimetre"),
})  # fmt: skip
"""By the unit of a reference, the ways in which an answer may write it."""

_POWER_OF_TEN = re.compile(r"(?:\*|\\times|\\cdot)10\^\{?([-+]?\d{1,3})\}?")
_UNIT = re.compile(r"(?:\\(?:text|mathrm|mbox|rm)\s*\{[^{}]*\}|\\[,;: ]|\\cdot|~|\s|\^\{?[-+]?\d\}?|/)+$")
_LONGEST = 4 * LONGEST_ANSWER
"""A longer answer is wrong: it bounds what reading it costs. White space and braces take some of it."""

_OPENING, _CLOSING = "([{", ")]}"


def judge_all(responses: Sequence[Response], problems: Mapping[str, Problem]) -> Iterator[dict[str, Any]]:
    """The verdict on each response, in their order, as they come: whether it is right, and the answer it was judged by.

    Args:
        responses: The responses.
        problems: The problem of each question, by the question's id.
    """
    with ThreadPoolExecutor(JUDGES) as pool:
        yield from pool.map(lambda response: judge(response.text, problems[response.question.id]), responses)


def judge(response: str, problem: Problem) -> dict[str, Any]:
    """``{"correct": 0 | 1, "answer": text or None}`` of a response."""
    answer = final_answer(response)
    return {CORRECT: int(answer is not None and is_right(answer, problem)), "answer": answer}


def is_right(answer: str, problem: Problem) -> bool:
    """Whether an answer is the reference of a problem.

    Args:
        answer: The final answer as it was written.
        problem: The problem.

    Raises:
        DataError: The reference cannot be compared with anything.
    """
    if len(answer) > _LONGEST:
        return False
    if problem.unit:
        return any(_equal(answer, f"{_bare(problem.answer)}{unit}", problem) for unit in _units(problem.unit))
    if equal(answer, problem.answer):
        return True
    if problem.several:
        return _same_answers(_parts(answer), _parts(problem.answer))
    return _within(answer, problem.answer, problem)


def _units(unit: str) -> list[str]:
    bare = _bare(unit)
    if bare in ("%", "^{\\circ}"):
        return [""]
    return [f" \\text{{{name}}}" for name in UNITS.get(bare, (bare,))]


def _equal(answer: str, reference: str, problem: Problem) -> bool:
    answer = _bare(answer)
    if problem.several and _same_answers(_parts(answer), _parts(reference)):
        return True
    return equal(answer, reference) or _within(answer, problem.answer, problem)


def _bare(text: str) -> str:
    return text.replace("$", "").strip()


def _same_answers(given: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether two lists hold the same answers; neither their order nor a repetition counts."""
    if len(given) > 2 * len(expected):
        return False
    met: set[int] = set()
    for answer in given:
        matches = {place for place, reference in enumerate(expected) if equal(answer, reference)}
        if not matches:
            return False
        met |= matches
    return len(met) == len(expected)


def _parts(text: str) -> list[str]:
    """The answers of a list: parts between commas, semicolons or `and` that stand in no bracket; of `±` both signs."""
    text = re.sub(r"\\left|\\right|\\?\$", "", text).strip()
    text = re.sub(r"\\(?:text|mathrm)\s*\{\s*(and|or)\s*,?\s*\}|\b(?:and|or)\b", ",", text)
    while text.startswith("\\{") and text.endswith("\\}"):
        text = text[2:-2]
    parts, depth, begin = [], 0, 0
    for position, mark in enumerate(text):
        depth += (mark in _OPENING) - (mark in _CLOSING)
        if mark in ",;" and depth <= 0 and not text[:position].endswith("\\"):
            parts.append(text[begin:position])
            begin = position + 1
    parts.append(text[begin:])
    return [
        part.replace("\\pm", sign).strip()
        for part in parts
        if part.strip(" .\\")
        for sign in ("+-" if "\\pm" in part else " ")
    ]


def _within(answer: str, reference: str, problem: Problem) -> bool:
    """Whether a number is near enough to a numerical reference, where the problem has a tolerance."""
    if problem.tolerance is None and problem.relative is None:
        return False
    given, expected = _value(answer), _value(reference)
    if given is None or expected is None:
        return False
    largest = max(Fraction(problem.tolerance or 0), abs(expected) * Fraction(problem.relative or 0))
    return abs(given - expected) <= largest


def _value(text: str) -> Fraction | None:
    """The value of a number, a quotient of numbers or a number times a power of ten, whatever unit follows."""
    form = normal_form(_without_unit(_bare(text)).replace("\\,", "").replace("./", "/"))
    return exact_value(_POWER_OF_TEN.sub(r"e\1", form).removesuffix("%"))


def _without_unit(text: str) -> str:
    """A text without the words of a unit at its end, as long as they stand in ``\\text{…}`` or the like."""
    if "\\text" in text or "\\mathrm" in text or "\\mbox" in text or "\\rm" in text:
        return _UNIT.sub("", text)
    return re.sub(r"(?<=[\d}])\s*\\?[ ,]?\s*[A-Za-z][A-Za-z ]*(?:/[A-Za-z]+)?(?:\^\{?[-+]?\d\}?)?\s*$", "", text)
