"""From answers and verdicts to samples, the numbers of a table, and the notes beside them.

Every entry of a category counts; one without an answer is wrong, also where BFCL takes the missing call for the right
answer. Averages are those of BFCL v4 over its parts, given only where every part was evaluated. Its "Overall" is never
given: it counts parts that were not evaluated as 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gd2po import intervals
from gd2po.evaluation.bfcl.categories import MULTI_TURN, UNSATISFIABLE, by_reason, is_irrelevance
from gd2po.evaluation.bfcl.files import Row, is_unanswered
from gd2po.evaluation.results import Score, failure_notes

AVERAGES: Mapping[str, Mapping[str, float]] = {
    "non_live": {
        "simple_python": 1 / 12, "simple_java": 1 / 12, "simple_javascript": 1 / 12, "multiple": 1 / 4,
        "parallel": 1 / 4, "parallel_multiple": 1 / 4,
    },
    "multi_turn": dict.fromkeys(MULTI_TURN, 1 / 4),
    "irrelevance_detection": {"irrelevance": 1 / 2, "live_irrelevance": 1 / 2},
}  # fmt: skip
"""Per part of BFCL v4, the weight of each category."""

_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
"""The part ``live`` counts every entry alike."""

_MEASURE = "accuracy"
_SATISFIABLE = "accuracy_satisfiable"


def sample(category: str, row: Row, failure: Mapping[str, Any] | None) -> dict[str, Any]:
    """One line of the samples: the answer, how it ended, and the evaluator's verdict."""
    unanswered = is_unanswered(row)
    return {
        "id": row["id"],
        "category": category,
        "output": "" if unanswered else row["result"],
        "finish": "error" if unanswered else row["finish"],
        "valid": failure is None and not unanswered,
        "error_type": "inference_error" if unanswered else _error_type(failure),
        "error": row["result"] if unanswered else _error(failure),
        "prompt_tokens": row.get("input_token_count"),
        "response_tokens": row.get("output_token_count"),
    }


def summarise(samples: Iterable[Mapping[str, Any]]) -> tuple[Score, ...]:
    """The accuracy of each category and of each part of which every category is there, with 95 % intervals.

    Categories with entries that no answer satisfies have it over the others too (``…/accuracy_satisfiable``).
    """
    categories: dict[str, list[Mapping[str, Any]]] = {}
    for entry in samples:
        categories.setdefault(entry["category"], []).append(entry)
    scores = [score for name, entries in categories.items() for score in _of_category(name, entries)]
    values = {score.name.partition("/")[0]: score for score in scores if score.name.endswith(f"/{_MEASURE}")}
    return *scores, *_parts(values)


def notes(samples: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The notes of a summary, one sentence each."""
    categories = dict.fromkeys(entry["category"] for entry in samples)
    return *_balance(categories), *_unsatisfiable(categories), *failure_notes(samples, "entries")


def _balance(categories: Iterable[str]) -> list[str]:
    irrelevance = {is_irrelevance(category) for category in categories}
    if irrelevance == {True}:
        return ["only categories whose right answer is to call nothing: a model that never calls has 100 % here"]
    if irrelevance == {False}:
        return ["no category whose right answer is to call nothing, so needless calls go unnoticed: add irrelevance"]
    return []


def _unsatisfiable(categories: Iterable[str]) -> list[str]:
    return [
        f"no sensible answer satisfies {' and '.join(entries)}: {reason}"
        for category in categories
        for reason, entries in by_reason(UNSATISFIABLE.get(category, {})).items()
    ]


def _of_category(category: str, samples: Sequence[Mapping[str, Any]]) -> list[Score]:
    scores = [_share(f"{category}/{_MEASURE}", samples)]
    if unsatisfiable := UNSATISFIABLE.get(category):
        satisfiable = [entry for entry in samples if entry["id"] not in unsatisfiable]
        scores.append(_share(f"{category}/{_SATISFIABLE}", satisfiable))
    return scores


def _share(name: str, samples: Sequence[Mapping[str, Any]]) -> Score:
    correct = sum(entry["valid"] for entry in samples)
    return Score(name, *intervals.share(correct, len(samples)), len(samples), correct)


def _parts(values: Mapping[str, Score]) -> list[Score]:
    parts = []
    for part, weights in AVERAGES.items():
        if weights.keys() <= values.keys():
            estimates = [interval for name in weights if (interval := values[name].interval)]
            counted = sum(values[name].count for name in weights)
            average = intervals.weighted_sum(list(weights.values()), estimates)
            parts.append(Score(f"{part}/{_MEASURE}", *average, counted))
    if values.keys() >= set(_LIVE):
        correct, count = (sum(getattr(values[name], field) for name in _LIVE) for field in ("correct", "count"))
        parts.append(Score(f"live/{_MEASURE}", *intervals.share(correct, count), count, correct))
    return parts


def _error_type(failure: Mapping[str, Any] | None) -> str | None:
    if failure is None:
        return None
    error = failure.get("error")
    return str(error["error_type"] if isinstance(error, dict) else failure["error_type"])


def _error(failure: Mapping[str, Any] | None) -> Any:
    if failure is None:
        return None
    error = failure["error"]
    return error.get("error_message") if isinstance(error, dict) else error
