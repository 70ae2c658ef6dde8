"""Format: whether a response has the parts that the ground truth has, and nothing around them.

The ground truth decides the shape: think, then tool block and/or answer, each starting on the line after the part
before it, each of their tags exactly once. What stands between the tool tags is not parsed here. Tags of a part that
the ground truth lacks are not counted: inside the think part they do no harm, outside it nothing fits any more.
"""

from itertools import pairwise

from gd2po.rewards.tool_calling.grammar import ANSWER, THINK, TOOLS, GroundTruth

_THINK_PART = (THINK[0], THINK[1] + "\n")
_TOOLS_PART = (TOOLS[0] + "\n", "\n" + TOOLS[1] + "\n")
_ANSWER_PART = (ANSWER[0], ANSWER[1] + "\n")


def well_formed(response: str, truth: GroundTruth) -> bool:
    """True where the whole of ``response`` (stripped) has the shape. Linear in its length; no regular expression."""
    tags = [*(TOOLS if truth.has_calls else ()), *(ANSWER if truth.has_answer else ())]
    if any(response.count(tag) != 1 for tag in tags):
        return False
    text = response + "\n"  # so that every part, the last too, ends with a newline
    cuts = [0, *(text.index(tag) for tag in tags[::2]), len(text)]
    parts = [_THINK_PART, *([_TOOLS_PART] if truth.has_calls else []), *([_ANSWER_PART] if truth.has_answer else [])]
    return all(_enclosed(text[start:end], *part) for (start, end), part in zip(pairwise(cuts), parts, strict=True))


def _enclosed(text: str, start: str, end: str) -> bool:
    return len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)
