"""When two values of a parameter are the same, given the type that the prompt declares for it.

Every gold value of API-Bank is a string, also where the prompt declares a number, a list or a truth value. So:

==============  ========================================================================================
declared        a prediction is right when
==============  ========================================================================================
any             it is the gold string, character by character
``str``         only then: ``2`` is not ``"2"``
``int``         both read as equal whole numbers: ``2``, ``2.0`` and ``"2"`` are
``float``       both read as equal numbers: ``74.006`` and ``"74.0060"`` are
``bool``        both read as the same truth value: ``true`` and ``"True"`` are, ``1`` is not
``list dict``   both read as equal lists or dictionaries, from JSON or Python text; their items must be equal
anything else   only when equal, as for a parameter that the prompt does not declare
==============  ========================================================================================

What stands in parentheses after a type, as in ``list(str)``, changes nothing.
"""

import ast
import json
from typing import Any

_UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What a hostile text can raise in the JSON and Python parsers."""


def same(gold: Any, predicted: Any, declared: str | None) -> bool:
    """Whether ``predicted`` stands for ``gold``; ``declared`` is None for an undeclared parameter. Never raises."""
    if type(gold) is type(predicted) and gold == predicted:
        return True
    kind = (declared or "").partition("(")[0].strip()
    try:
        return bool(_read(gold, kind) == _read(predicted, kind))
    except _UNREADABLE:
        return False


def _read(value: Any, kind: str) -> Any:
    """``value`` as the declared kind.

    Raises:
        ValueError, …: it cannot be read as that kind.
    """
    read = _from_text(value, kind) if isinstance(value, str) else value
    match kind, read:
        case ("int", int() | float()) if not isinstance(read, bool) and read % 1 == 0:
            return read
        case ("float", int() | float()) if not isinstance(read, bool):
            return read
        case ("bool", bool()) | ("list", list()) | ("dict", dict()):
            return read
    raise ValueError(f"{value!r} is no {kind}")


def _from_text(text: str, kind: str) -> Any:
    """The value a text writes down, in JSON; lists and dictionaries also in Python's notation."""
    try:
        return json.loads(text.lower() if kind == "bool" else text)
    except ValueError:
        if kind not in ("list", "dict"):
            raise
        return ast.literal_eval(text)
