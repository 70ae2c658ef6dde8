"""Objects in cells: as they are, as pairs, as lists of named scores, as lists of objects, and written as text."""

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gd2po.insight.check.reading.names import holds_rewards

LONGEST_TEXT = 10_000
"""Characters of a text that is looked at for an object of scores."""

_NAMES = ("name", "metric", "reward", "key", "criterion", "dimension", "label", "type")
_VALUES = ("score", "value", "reward", "rating", "points", "result")
_PRINTED = re.compile(r"(?:np\.|numpy\.)[a-z]+[0-9]*_?\(([^()]*)\)|(?:torch\.)?tensor\(([^()]*)\)")


def object_in(cell: Any, name: str) -> Mapping[str, Any] | None:
    """The object that a cell of this column is to be read as; None where it is to be left as it is."""
    if isinstance(cell, dict):
        return cell
    if isinstance(cell, str):
        return _written(cell) if cell.startswith("{") and holds_rewards(name) else None
    if not isinstance(cell, list) or not cell:
        return None
    if all(isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) for item in cell):
        return dict(cell)  # a map of Parquet
    objects = [{} if item is None else item for item in cell]
    if not all(isinstance(item, dict) for item in objects) or any("role" in item for item in objects):
        return None
    keys = dict.fromkeys(key for item in objects for key in item)
    return _of_named_scores(objects) or {key: [item.get(key) for item in objects] for key in keys}


def _of_named_scores(objects: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Name → score of ``[{"name": "a", "score": 1}, …]``, where each name stands once; otherwise None."""
    for name in _NAMES:
        names = [item.get(name) for item in objects]
        if not all(isinstance(text, str) for text in names) or len({*names}) < len(names):
            continue
        value = next((value for value in _VALUES if value != name and all(value in item for item in objects)), None)
        if value:
            return {str(text): item[value] for text, item in zip(names, objects, strict=True)}
    return None


@lru_cache(8192)
def _written(text: str) -> dict[str, Any] | None:
    """The object that a text holds in the notation of JSON or of Python."""
    if len(text) > LONGEST_TEXT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(_PRINTED.sub(lambda match: match[1] or match[2] or "None", text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
