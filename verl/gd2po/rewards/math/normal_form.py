"""One way to write an answer: marks, spaces, units and short forms of LaTeX that do not change its value are taken out.

Two answers with one normal form are equal; two with different ones may still be, see :mod:`.comparison`.
"""

import re
import unicodedata
from fractions import Fraction

_SYMBOLS = {
    "−": "-", "–": "-", "⁄": "/", "√": "\\sqrt", "π": "\\pi", "∞": "\\infty", "×": "\\times", "·": "\\cdot",
    "≤": "\\le", "≥": "\\ge", "∪": "\\cup", "\\leq": "\\le", "\\geq": "\\ge", "\\dfrac": "\\frac",
    "\\tfrac": "\\frac", "\\cfrac": "\\frac", "\\lbrace": "\\{", "\\rbrace": "\\}", "\\left": "", "\\right": "",
    "\\displaystyle": "", "\\$": "", "$": "", "\\(": "", "\\)": "", "\\[": "", "\\]": "", "{,}": ",", "\\!": "",
    "\\%": "%", "~": " ",
}  # fmt: skip
_SYMBOL = re.compile(
    "|".join(
        re.escape(name) + ("(?![A-Za-z])" if name[-1].isalpha() else "") for name in sorted(_SYMBOLS, key=len)[::-1]
    )
)
_AFTER_COMMAND = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])")
_SPACES = re.compile(r"(?<!\\)\\[,;: ]|\\q?quad(?![A-Za-z])|\s")
_WRAPPED_TEXT = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|it)|mbox)\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\frac(\d)(\d)")
_HALF_SHORT_FRACTION = re.compile(r"\\frac(?:(\d)\{([^{}]*)\}|\{([^{}]*)\}(\d))")
_SHORT_ROOT = re.compile(r"\\sqrt(\w)")
_THOUSANDS = re.compile(r"(?<![\d.,(\[])(\d{1,3}(?:,\d{3})+)(?![\d,)\]])")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_MIXED = re.compile(r"(?<!\d)(-?\d+) +(\d+)/(\d+)")
_QUOTIENT = re.compile(r"(-?)\\frac\{(-?\d+)\}\{(-?\d+)\}|(-?\d+)/(-?\d+)")
_ASSIGNED = re.compile(r"[A-Za-z]=(?=[^=]+$)")
_CHOICE = re.compile(r"\(?([A-Z])\)?\.?(?:$|(?<=\)).*)")
_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_WORDS = {name: str(number) for number, name in enumerate(f"{_NAMES} eighteen nineteen twenty".split())}


def normal_form(answer: str) -> str:
    """An answer in normal form. Never fails, whatever the text holds."""
    text = answer.replace("\0", "").replace("²", "^2").replace("³", "^3")
    text = unicodedata.normalize("NFKC", text)
    text = _SYMBOL.sub(lambda mark: _SYMBOLS[mark.group()], text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text)
    text = _WRAPPED_TEXT.sub(r"\1", text)
    text = _SPACES.sub("", _AFTER_COMMAND.sub("\\1\0", text)).replace("\0", " ").removesuffix(".")
    while text.startswith("{") and text.endswith("}") and _is_one_pair(text):
        text = text[1:-1]
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text)
    text = _HALF_SHORT_FRACTION.sub(lambda m: f"\\frac{{{m[1] or m[3]}}}{{{m[2] or m[4]}}}", text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    text = _THOUSANDS.sub(lambda number: number.group().replace(",", ""), text)
    return _WORDS.get(text.lower(), text)


def _is_one_pair(text: str) -> bool:
    """Whether the first brace of a text is closed by its last."""
    depth = 0
    for position, mark in enumerate(text):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if depth == 0:
            return position == len(text) - 1
    return False


def exact_value(form: str) -> Fraction | None:
    """The value of a number or a quotient of whole numbers in normal form, `x=` before it allowed; None for others."""
    form = _ASSIGNED.sub("", form, count=1) if _ASSIGNED.match(form) else form
    if len(form) > _LONGEST_NUMBER:
        return None
    if _NUMBER.fullmatch(form):
        return Fraction(form.removesuffix("."))
    if (match := _QUOTIENT.fullmatch(form)) is None:
        return None
    sign, numerator, denominator = match[1] or "", match[2] or match[4], match[3] or match[5]
    return None if int(denominator) == 0 else Fraction(int(f"{numerator}"), int(denominator)) * (-1 if sign else 1)


_LONGEST_NUMBER = 400


def is_whole_number(answer: str) -> bool:
    """Whether an answer is a whole number, with thousands separators or a sign or not."""
    value = exact_value(normal_form(answer)) if len(answer) <= _LONGEST_NUMBER else None
    return value is not None and value.denominator == 1


def choice_letter(form: str) -> str | None:
    """The letter of an answer in normal form that picks one of several choices: `(C)`, `C`, `(C)5`; else None."""
    match = _CHOICE.fullmatch(form)
    return match[1] if match else None
