"""Answers in the output grammar of the task."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gd2po.rewards.tool_calling.grammar import ANSWER, THINK, TOOLS

NO_THOUGHT = "no thought is given"
"""The think part of a reference answer that came without one: it must have one, and no reward reads its words."""


def write_answer(
    calls: Iterable[Mapping[str, Any]] = (), response: str | None = None, think: str | None = NO_THOUGHT
) -> str:
    """A think part, then a block with one call per line, a response, or both.

    Args:
        calls: The calls, each with ``name`` and ``parameters``; without calls there is no block.
        response: The text for the user; None leaves the part out.
        think: The thought; None leaves the part out, as in an earlier turn of a dialogue whose thoughts are unknown.
    """
    lines = [json.dumps({"name": call["name"], "parameters": call["parameters"]}, ensure_ascii=False) for call in calls]
    return "\n".join(
        [
            *([f"{THINK[0]} {think.strip()} {THINK[1]}"] if think is not None else ()),
            *([TOOLS[0], *lines, TOOLS[1]] if lines else ()),
            *([f"{ANSWER[0]} {response.strip()} {ANSWER[1]}"] if response is not None else ()),
        ]
    )
