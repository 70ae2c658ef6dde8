"""Benchmark rows among the validation data: scored by the benchmark's own scorer, so that curves and tables agree.

verl validates greedily by default, as the evaluation command does. An answer ends at ``data.max_response_length``,
where that command allows 4,096 tokens: the numbers are equal where no answer is cut, or where both have the same limit.
"""

import json
from collections.abc import Mapping
from typing import Any

from gd2po.rewards.tool_calling.api_bank.scoring import score
from gd2po.rewards.tool_calling.grammar import GroundTruthError

API_BANK = "api_bank/"
"""Start of the ``data_source`` of API-Bank rows: ``api_bank/lv1`` to ``api_bank/lv3``."""


def score_api_bank(response: str, ground_truth: str, extra_info: Mapping[str, Any]) -> dict[str, float]:
    """What :func:`gd2po.rewards.tool_calling.api_bank.scoring.score` says of one answer, and two names for verl.

    verl's reward is ``score``, the strict correctness. So is ``acc``, the name for which verl counts a validation
    rollout that failed as 0, as the tables do; the means of the other names are over the answers that exist.

    Args:
        response: The decoded response.
        ground_truth: JSON text of the gold call, or of a list with it.
        extra_info: ``extra_info`` of the row; ``instruction`` is the system message, which declares the tools.

    Raises:
        GroundTruthError: The gold call is no JSON, or the system message is missing.
        ItemError: The row has not exactly one gold call, or the tools cannot be read.
    """
    if not isinstance(extra_info.get("instruction"), str):
        raise GroundTruthError("extra_info lacks 'instruction', the system message; prepare API-Bank again")
    try:
        answer = json.loads(ground_truth)
    except (TypeError, ValueError) as error:
        raise GroundTruthError(f"the gold call of API-Bank is {ground_truth!r:.80}, expected JSON: {error}") from error
    scores = score(response, {"system": extra_info["instruction"], "answer": answer})
    strict = float(scores["strict_correct"])
    return {"score": strict, "acc": strict} | {name: float(value) for name, value in scores.items()}
