"""Correctness: how far the predicted tool calls agree with the reference calls.

With reference calls G, predicted calls P and a range [m, M]::

    score = m + (M − m) · (J(names G, names P) + Σ_g s_g) / (1 + Σ_g (1 + |params g|))
    s_g   = J(keys g, keys p) + number of parameters of g that p has with an equal value

J is the Jaccard index of multisets. Every g takes, in order, the unused p of the same name with the largest s_g > 0
(the first of equals), so with repeated names the order of the calls can matter. Equal lists score M at once; a block
that cannot be read, or a call of a reference name without a parameter object, scores m. A reference without calls
scores 0 whatever the response does. Values are compared as Python objects: ``1 == 1.0 == True``, ``"1" != 1``.

``matching`` changes what agreement is: ``refined`` lets J be 1 for equal lists (order included) and else 0; ``coarse``
gives m to anything but equal lists; ``intermediate`` lets s_g be 1 for an equal call, else 0, and each g weigh 1.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from gd2po.rewards.tool_calling.grammar import GroundTruth, predicted_calls
from gd2po.rewards.tool_calling.options import Matching, Range

Similarity = Callable[[Sequence[Hashable], Sequence[Hashable]], float]


def correctness(response: str, truth: GroundTruth, bounds: Range, matching: Matching) -> float:
    """Score in [m, M] = ``bounds``, or 0.0 where the reference calls no tool. Never raises on a response."""
    if not truth.has_calls:
        return 0.0
    low, high = bounds
    predicted = predicted_calls(response)
    if predicted == truth.calls:
        return high
    if predicted is None or matching == "coarse" or not _comparable(predicted, truth.calls):
        return low
    if matching == "intermediate":
        earned, possible = _whole_calls(truth.calls, predicted), 1 + len(truth.calls)
    else:
        similarity = _jaccard if matching == "partial" else _identity
        earned = _partial_calls(truth.calls, predicted, similarity)
        possible = 1 + sum(1 + len(call["parameters"]) for call in truth.calls)
    return (high - low) * earned / possible + low


def _comparable(predicted: list[Any], gold: list[dict[str, Any]]) -> bool:
    """Every prediction is an object with a scalar name, and has parameters where a reference call has that name."""
    if not all(isinstance(call, dict) and _is_scalar(call.get("name", ...)) for call in predicted):
        return False
    names = {call["name"] for call in gold}
    return all(isinstance(call.get("parameters"), dict) for call in predicted if call["name"] in names)


def _is_scalar(name: Any) -> bool:
    return name is None or isinstance(name, str | int | float)


def _jaccard(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    if left == right:
        return 1.0
    shared = (Counter(left) & Counter(right)).total()
    return shared / (len(left) + len(right) - shared)


def _identity(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    return float(left == right)


def _names(calls: list[Any]) -> list[Hashable]:
    return [call["name"] for call in calls]


def _partial_calls(gold: list[dict[str, Any]], predicted: list[Any], similarity: Similarity) -> float:
    def agreement(call: Any, prediction: Any) -> float:
        expected, actual = call["parameters"], prediction["parameters"]
        equal = sum(key in actual and actual[key] == value for key, value in expected.items())
        return similarity(list(expected), list(actual)) + equal

    return similarity(_names(gold), _names(predicted)) + _assign(gold, predicted, agreement)


def _whole_calls(gold: list[dict[str, Any]], predicted: list[Any]) -> float:
    return _jaccard(_names(gold), _names(predicted)) + _assign(gold, predicted, lambda g, p: float(g == p))


def _assign(gold: list[Any], predicted: list[Any], agreement: Callable[[Any, Any], float]) -> float:
    """Σ of the best agreements, greedily in the order of ``gold``; a prediction is used once."""
    unused, total = list(predicted), 0.0
    for call in gold:
        best, chosen = 0.0, -1
        for position, prediction in enumerate(unused):
            if prediction["name"] == call["name"] and (agreed := agreement(call, prediction)) > best:
                best, chosen = agreed, position
        if chosen >= 0:
            total += best
            del unused[chosen]
    return total
