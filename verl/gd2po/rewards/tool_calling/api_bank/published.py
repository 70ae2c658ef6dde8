"""The published scores, with their leniency: what a table of the literature shows.

``correct`` is a soft match: the first tool block is read line by line, lines that are no JSON are skipped, and one
right call among any number is enough. An object without ``name`` or ``parameters`` counts as parameters of the gold
call, so the name need not be known. A line with a number, a truth value or ``null`` ends the search: a right call after
it is not seen. Values are compared as Python objects, so ``2`` is wrong where the gold is ``"2"``.

``well_tagged`` counts and orders tags and allows any text between the parts. The think part is the first one, where the
length reward of training reads the last.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from gd2po.rewards.tool_calling.api_bank.tools import Call
from gd2po.rewards.tool_calling.grammar import ANSWER, THINK, TOOLS


def correct(output: str, gold: Call) -> bool:
    """Whether the first tool block holds the gold call before anything that ends the search. Never raises."""
    try:
        return any(_matches(value, gold) for value in _values(output))
    except (TypeError, ValueError, RecursionError):
        return False


def well_tagged(output: str) -> bool:
    """Each tag at most once and closed; a think part first, then a tool block, an answer, or both in that order."""
    if any(not output.count(start) == output.count(end) <= 1 for start, end in (THINK, TOOLS, ANSWER)):
        return False
    parts = [part for part in (THINK, TOOLS, ANSWER) if part[0] in output]
    places = [output.index(tag) for part in parts for tag in part]
    return len(parts) > 1 and parts[0] == THINK and all(before < after for before, after in pairwise(places))


def first_think(output: str) -> str:
    """The first think part with its tags, for the functions of the length reward; empty where there is none."""
    start, end = output.find(THINK[0]), output.find(THINK[1])
    if not 0 <= start < end:
        return ""
    words = output[start + len(THINK[0]) : end].replace(THINK[0], "…")  # a tag inside it is a word like any other
    return f"{THINK[0]}{words}{THINK[1]}"


def _values(output: str) -> Iterator[Any]:
    if TOOLS[0] not in output or TOOLS[1] not in output:
        return
    for line in output.partition(TOOLS[0])[2].partition(TOOLS[1])[0].splitlines():
        try:
            yield json.loads(line.strip())
        except (ValueError, RecursionError):
            continue


def _matches(value: Any, gold: Call) -> bool:
    """Whether one value of the block is the gold call.

    Raises:
        TypeError, ValueError: The value has no keys, which ends the search.
    """
    call = json.loads(value) if isinstance(value, str) else value
    named = "name" in call and "parameters" in call
    name, parameters = (call["name"], call["parameters"]) if named else (gold.name, call)
    return bool(name == gold.name and parameters == gold.parameters)
