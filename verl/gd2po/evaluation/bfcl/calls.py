"""The calls of an answer in our grammar, as BFCL's evaluator and its simulators take them. Standard library alone."""

import json
import re
from collections.abc import Container, Mapping
from typing import Any

from gd2po.rewards.tool_calling.grammar import TOOLS, distinct_keys, outside_think

_BLOCK = re.compile(f"{TOOLS[0]}(.*?)({TOOLS[1]}|\\Z)", re.DOTALL)
_SPACE = re.compile(r"\s*")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class CallError(ValueError):
    """An answer whose calls cannot be read. BFCL catches it and takes the answer for one without a call."""


def read(output: str) -> list[dict[str, Any]]:
    """The calls of ``output`` in their order, ``{"name": str, "parameters": object}`` each; none where it makes none.

    Every tool block outside the think part counts. A call is a JSON object on one line or on several.

    Raises:
        CallError: A block is never closed or holds something that is not such a call.
    """
    calls = []
    for block in _BLOCK.finditer(outside_think(output)):
        if not block[2]:
            raise CallError(f"{TOOLS[0]} is never closed")
        calls += [_checked(value) for value in _values(block[1])]
    return calls


def for_checker(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``[{name: parameters}]``, which the evaluator compares with the possible answers."""
    return [{call["name"]: call["parameters"]} for call in calls]


def for_simulator(call: Mapping[str, Any], reserved: Container[str]) -> str:
    """``name(parameter=value)``, which BFCL runs with ``eval``.

    Args:
        call: A call that :func:`read` returned.
        reserved: The names that ``eval`` would find and that are no functions of BFCL, such as ``open``.

    Raises:
        CallError: ``eval`` would run something else than a function of BFCL with constants.
    """
    for name in (call["name"], *call["parameters"]):
        if not _IDENTIFIER.fullmatch(name):
            raise CallError(f"{name!r} is no name of a function or parameter of the simulators")
    if call["name"] in reserved:
        raise CallError(f"{call['name']} is a function of Python, not of the simulators")
    return f"{call['name']}({', '.join(f'{name}={value!r}' for name, value in call['parameters'].items())})"


def _values(block: str) -> list[Any]:
    """The JSON values that follow one another in ``block``."""
    decoder = json.JSONDecoder(object_pairs_hook=distinct_keys, parse_constant=_refuse)
    values, end = [], _skip_space(block, 0)
    try:
        while end < len(block):
            value, end = decoder.raw_decode(block, end)
            values.append(value)
            end = _skip_space(block, end)
    except (ValueError, RecursionError) as error:
        raise CallError(f"after {TOOLS[0]} stands no JSON: {error}") from error
    return values


def _checked(value: Any) -> dict[str, Any]:
    match value:
        case {"name": str(), "parameters": dict(), **rest} if not rest:
            return value
    raise CallError(f'found {json.dumps(value)[:80]}, expected {{"name": string, "parameters": object}}')


def _skip_space(text: str, start: int) -> int:
    space = _SPACE.match(text, start)
    assert space
    return space.end()


def _refuse(constant: str) -> None:
    raise CallError(f"{constant} is no JSON")
