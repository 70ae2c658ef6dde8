"""Values as Java and JavaScript source code, as BFCL's evaluator reads it."""

import json
from collections.abc import Mapping
from typing import Any

Declared = Mapping[str, Any]
"""``type`` of a parameter and of its ``items``, in BFCL's names."""

_JAVA_SUFFIXES = {"long": "L", "float": "f"}


def java(value: Any, declared: Declared) -> str:
    """``value`` as an expression of Java; a string where another type is declared names a variable.

    The evaluator keeps the quotes of strings in an array and drops those in an ArrayList.
    """
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        item = declared["items"]["type"]
        if declared["type"] == "Array":
            return f"new {item}[]{{{', '.join(java(element, {'type': item}) for element in value)}}}"
        return f"new ArrayList<>(Arrays.asList({', '.join(_quoted(element, item) for element in value)}))"
    if isinstance(value, dict):
        puts = (f"put({json.dumps(key)}, {_quoted(one)});" for key, one in value.items())
        return f"new HashMap<>() {{{{ {' '.join(puts)} }}}}"
    return f"{value}{_JAVA_SUFFIXES.get(declared['type'], '') if isinstance(value, int | float) else ''}"


def javascript(value: Any, declared: Declared) -> str:
    """``value`` as an expression of JavaScript; a string where another type is declared names a variable."""
    if isinstance(value, list | dict | bool):
        return _object(value)
    return str(value)


def _quoted(value: Any, item: str = "any") -> str:
    return json.dumps(value) if isinstance(value, str) else java(value, {"type": item})


def _object(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_object(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_object(one) for one in value)}]"
    return json.dumps(value)
