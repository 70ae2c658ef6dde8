"""Length: how close the think part comes to a target number of words. Longer earns more, up to the target."""

from gd2po.rewards.tool_calling.grammar import THINK
from gd2po.rewards.tool_calling.options import Range


def think_words(response: str) -> int | None:
    """Whitespace-separated words after the last ``<think>`` up to its close; None where a think tag is missing."""
    if THINK[0] not in response or THINK[1] not in response:
        return None
    return len(response.rpartition(THINK[0])[2].partition(THINK[1])[0].split())


def length(response: str, bounds: Range, target_words: float) -> float:
    """``low + (high − low) · min(1, round(words / target_words, 2))``; a missing think tag scores ``low``.

    The share is rounded to 0.01 first (half to even), as published, so with a target of 512 words the resolution is
    about 5 words.
    """
    low, high = bounds
    words = think_words(response)
    return low if words is None else low + (high - low) * min(1.0, round(words / target_words, 2))
