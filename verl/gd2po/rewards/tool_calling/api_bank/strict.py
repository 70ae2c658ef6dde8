"""The strict score: the answer makes exactly one call, and it is the gold call.

The call stands in the only tool block outside the think part and is the only thing in it: one JSON object, on one line
or on several, with the keys ``name`` and ``parameters`` and no other. A JSON array is not a call, and a key that is
given twice is not an answer. The name must be equal, the parameters must have the gold names, and their values are
compared by the type that the prompt declares (:mod:`.values`).
"""

import json
from collections.abc import Mapping
from typing import Any

from gd2po.rewards.tool_calling.api_bank.tools import Call
from gd2po.rewards.tool_calling.api_bank.values import same
from gd2po.rewards.tool_calling.grammar import TOOLS, distinct_keys, outside_think


def correct(output: str, gold: Call, declared: Mapping[str, str]) -> bool:
    """Whether the sole call of ``output`` is the gold call; ``declared`` are the types of its tool. Never raises."""
    match sole_call(output):
        case {"name": gold.name, "parameters": dict(parameters), **rest} if not rest:
            return parameters.keys() == gold.parameters.keys() and all(
                same(value, parameters[name], declared.get(name)) for name, value in gold.parameters.items()
            )
    return False


def sole_call(output: str) -> dict[str, Any] | None:
    """The JSON object that is the only content of the only tool block outside the think part, or None."""
    text = outside_think(output)
    if text.count(TOOLS[0]) != 1 or text.count(TOOLS[1]) != 1:
        return None
    block = text.partition(TOOLS[0])[2].partition(TOOLS[1])[0]
    try:
        value = json.loads(block, object_pairs_hook=distinct_keys)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
