"""API-Bank as published for tool-calling models: 597 dialogues, each of which calls for one call.

:func:`score` judges one answer in two ways side by side: *published*, as in the tables of the literature, and *strict*,
exactly one call and that one right. :func:`summarise` turns scored samples into the numbers of a table, over the fixed
denominators :data:`LEVELS`. :data:`FLAWED` are the items whose gold answer is wrong or cannot be known.
"""

from gd2po.evaluation.api_bank.flawed import DUPLICATES, FLAWED, flaw_notes
from gd2po.evaluation.api_bank.items import LEVELS, load_items
from gd2po.evaluation.api_bank.summary import summarise
from gd2po.rewards.tool_calling.api_bank.scoring import score
from gd2po.rewards.tool_calling.api_bank.tools import ItemError

__all__ = ["DUPLICATES", "FLAWED", "LEVELS", "ItemError", "flaw_notes", "load_items", "score", "summarise"]
