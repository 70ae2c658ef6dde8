"""All scores of one answer."""

from collections.abc import Mapping
from typing import Any

from gd2po.rewards.tool_calling.api_bank import published, strict
from gd2po.rewards.tool_calling.api_bank.tools import declared_types, gold_call, system_message
from gd2po.rewards.tool_calling.grammar import GroundTruth
from gd2po.rewards.tool_calling.length import length, think_words
from gd2po.rewards.tool_calling.options import ToolCallingOptions
from gd2po.rewards.tool_calling.shape import well_formed

_ONE_CALL = GroundTruth(calls=[], has_calls=True, has_answer=False)  # only its shape is used
_LENGTH = ToolCallingOptions()


def score(output: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Score one answer to one item. No output raises, whatever the model wrote.

    Args:
        output: The assistant's text alone; white space around it is ignored.
        item: An item with ``answer``, the gold call or a list of it, and ``system``, which declares the tools.

    Returns:
        ``published_correct`` and ``strict_correct`` (0 or 1), ``published_format`` (0 or 1: tags counted and ordered),
        ``training_format`` (0 or 1: the shape that the format reward expects where the gold answer is a call),
        ``length`` (the length reward of the first think part, in [0, 1]) and ``think_words`` (its words, 0 where there
        is none).

    Raises:
        ItemError: The item has no single gold call, or its tools cannot be read.
    """
    gold = gold_call(item)
    declared = declared_types(system_message(item)).get(gold.name, {})
    output = output.strip()
    think = published.first_think(output)
    return {
        "published_correct": int(published.correct(output, gold)),
        "strict_correct": int(strict.correct(output, gold, declared)),
        "published_format": int(published.well_tagged(output)),
        "training_format": int(well_formed(output, _ONE_CALL)),
        "length": length(think, _LENGTH.length_range, _LENGTH.target_words),
        "think_words": think_words(think) or 0,
    }
