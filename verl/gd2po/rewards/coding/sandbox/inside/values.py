"""Values as text, in which nothing of an answer's classes is left."""

from __future__ import annotations

import _json
import builtins
from collections.abc import Callable, Iterable
from typing import Any

_DEEPEST = 200
"""The number of containers inside each other that a value may have."""


class Remote:
    """A value that stays in the process of the answer: a function, a class, an object that has no text."""

    def __init__(self, ask: Callable[[str, list[Any]], Any], number: int) -> None:
        self.__dict__.update(_ask=ask, _number=number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ask("call", [self, list(arguments), named])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("get", [self, name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", [self, name, value])


class Held:
    """Marks a value that is sent as a number under which it can be asked for."""

    def __init__(self, value: Any) -> None:
        self.value = value


def to_text(value: Any, held: dict[int, Any], depth: int = 0) -> str:
    """JSON of a value, with tagged objects for what JSON has not; other objects become a number kept in ``held``."""
    if value is None or value is True or value is False:
        return "null" if value is None else ("true" if value else "false")
    if depth < _DEEPEST:
        if isinstance(value, type):
            name = type.__dict__["__name__"].__get__(value)
            if getattr(builtins, name, None) is value:
                return f'{{"y":"{name}"}}'
        if isinstance(value, int):
            number = int.__index__(value)
            return int.__repr__(number) if -(2**53) < number < 2**53 else f'{{"i":"{number:x}"}}'
        if isinstance(value, float):
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(shown := float.__repr__(value), shown)
        if isinstance(value, str):
            return _json.encode_basestring_ascii(value)
        if isinstance(value, list):
            return _joined(value, held, depth)
        if isinstance(value, dict):
            pairs = [list(pair) for pair in value.items()]
            return f'{{"d":{_joined(pairs, held, depth)}}}'
        for tag, kind in (("t", tuple), ("s", set), ("z", frozenset)):
            if isinstance(value, kind):
                return f'{{"{tag}":{_joined(value, held, depth)}}}'
        if isinstance(value, (bytes, bytearray)):
            return f'{{"b":{_json.encode_basestring_ascii(bytes(value).decode("latin-1"))}}}'
        if isinstance(value, complex):
            return f'{{"c":[{float.__repr__(value.real)},{float.__repr__(value.imag)}]}}'
        if type(value) is not Remote and type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return to_text(value.tolist(), held, depth + 1)
        if isinstance(value, (range, map, filter, zip)) or hasattr(value, "__next__"):
            return f'{{"n":{_joined(value, held, depth)}}}'
    if type(value) is Remote:
        return f'{{"h":{value._number}}}'
    value = value.value if isinstance(value, Held) else value
    held[len(held)] = value
    return f'{{"h":{len(held) - 1}}}'


def _joined(values: Iterable[Any], held: dict[int, Any], depth: int) -> str:
    return f"[{','.join([to_text(value, held, depth + 1) for value in values])}]"


def from_text(text: str, remote: Callable[[int], Any]) -> Any:
    """The inverse of :func:`to_text`."""
    import json

    makers: dict[str, Callable[[Any], Any]] = {
        "i": lambda digits: int(digits, 16),
        "d": dict,
        "t": tuple,
        "s": set,
        "z": frozenset,
        "b": lambda letters: letters.encode("latin-1"),
        "c": lambda parts: complex(*parts),
        "n": iter,
        "y": lambda name: getattr(builtins, name),
        "h": remote,
    }

    def made(tagged: dict[str, Any]) -> Any:
        ((tag, content),) = tagged.items()
        return makers[tag](content)

    return json.loads(text, object_hook=made)
