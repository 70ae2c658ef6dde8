"""What a reader must know beside the numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gd2po.evaluation.bfcl.categories import UNSATISFIABLE, by_reason, is_irrelevance


def notes(samples: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """One sentence each, from the samples of a result."""
    categories = dict.fromkeys(one["category"] for one in samples)
    return *_balance(categories), *_hopeless(categories), *_trouble(samples)


def _balance(categories: Iterable[str]) -> list[str]:
    wanting_none = {is_irrelevance(category) for category in categories}
    if wanting_none == {True}:
        return ["only categories whose right answer is to call nothing: a model that never calls has 100 % here"]
    if wanting_none == {False}:
        return ["no category whose right answer is to call nothing, so needless calls go unnoticed: add irrelevance"]
    return []


def _hopeless(categories: Iterable[str]) -> list[str]:
    return [
        f"no sensible answer satisfies {' and '.join(entries)}: {reason}"
        for category in categories
        for reason, entries in by_reason(UNSATISFIABLE.get(category, {})).items()
    ]


def _trouble(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    failed = [one["id"] for one in samples if one["finish"] == "error"]
    cut = [one["id"] for one in samples if one["finish"] == "length"]
    found = []
    if failed:
        found.append(f"{len(failed)} entries have no answer and count as wrong, such as {failed[0]}; see samples.jsonl")
    if cut:
        found.append(f"{len(cut)} entries have an answer that was cut for its length, such as {cut[0]}")
    return found
