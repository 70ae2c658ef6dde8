"""Which columns of numbers are rewards, by their names first and their numbers second."""

import csv
import io
import shlex
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.names import COUNT, reason_against, sign_of
from gd2po.insight.check.reading.sampled import Prompts, Sampled, is_index, same_within_groups
from gd2po.insight.check.reading.sources import NUMERIC, first_of
from gd2po.insight.check.reading.totals import dependence, product_of, total_of
from gd2po.insight.check.rollouts import Numbers

LARGEST_UNSAID = 100
"""A whole number beyond this in a column whose name says nothing is more likely a count or an id than a score."""

_TEXT_SHOWN = 20


def find_rewards(
    sampled: Sampled, prompts: Prompts, taken: Collection[str]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The rewards; the columns of numbers that are left out, each with the reason; and both in sentences.

    Columns whose name says reward, or is a usual one, are taken; only if there are no two of them, others that are not
    excluded are taken too.

    Raises:
        CheckError: which columns are rewards is not sure.
    """
    numbers = {
        name: sampled.numbers(name) for name, kind in sampled.kinds.items() if kind in NUMERIC and name not in taken
    }
    left_out = {name: reason for name, values in numbers.items() if (reason := _reason(prompts, name, values))}
    rest = {name: values for name, values in numbers.items() if name not in left_out}
    positive = {name: values for name, values in rest.items() if not (values < 0).any()}
    left_out |= {
        name: reason
        for name in rest
        if (reason := total_of(name, rest) or (product_of(name, positive) if name in positive else ""))
    }
    candidates = [name for name in rest if name not in left_out]
    clear = [name for name in candidates if sign_of(name)]
    if len(clear) >= 2:
        left_out |= {name: "its name is not that of a reward" for name in candidates if name not in clear}
        candidates = clear
    texts = _texts_like_numbers(sampled, taken)
    others = left_out | texts
    doubt = _doubt({name: numbers[name] for name in candidates})
    if doubt:
        lists = [name for name, kind in sampled.kinds.items() if kind == "other" and name not in texts]
        doubt += [f"Other columns of numbers: {_with_reasons(others) or 'none'}"]
        doubt += [f"Columns of lists or objects: {first_of(lists)}"] if lists else []
        option = _as_option(candidates) if len(candidates) > 1 else "a,b"
        raise CheckError(". ".join([*doubt, f"Name the rewards with --scores {option}"]))
    notes = [
        f"the rewards are a guess by names and numbers; this says them outright:\n  --scores {_as_option(candidates)}"
    ]
    if left_out:
        notes.append(f"numbers that were not taken for rewards: {_with_reasons(left_out)}")
    if texts:
        notes.append(f"columns without numbers that were not taken for rewards: {_with_reasons(texts)}")
    return {name: name for name in candidates}, left_out, notes


def too_few(names: Collection[str]) -> str:
    """The sentence that there are not two rewards."""
    are = "is a reward" if len(names) == 1 else "are rewards"
    return f"{len(names)} of the columns {are} ({first_of(names) or 'none'}); expected two or more"


def _doubt(candidates: Mapping[str, Numbers]) -> list[str]:
    """Why these columns are not surely the rewards, in sentences without an end; empty if they are."""
    unclear = [name for name, values in candidates.items() if not sign_of(name) and _looks_counted(values)]
    products = (f"{name} is {product}" for name in candidates if (product := product_of(name, candidates)))
    dependent = dependence(candidates) or next(products, "")
    reasons = [f"{', '.join(unclear)} may be counts or ids"] if unclear else []
    reasons += [f"One of them may be a total or product of others: {dependent}"] if dependent else []
    if len(candidates) < 2:
        return [too_few(candidates), *reasons]
    return [f"it is not sure which columns are rewards: {', '.join(candidates)}", *reasons] if reasons else []


def _reason(prompts: Prompts, name: str, values: Numbers) -> str:
    """What speaks against a column; a name that tells of a length does not, where the numbers are none."""
    filled = values[np.isfinite(values)]
    reason = reason_against(name)
    if reason.startswith(COUNT) and ((filled < 0) | (filled != np.floor(filled))).any():
        reason = ""
    if reason:
        return reason
    if is_index(values):
        return "whole numbers, each once: an index"
    if not sign_of(name) and same_within_groups(values, prompts):
        return "the same for all rollouts of a prompt"
    return ""


def _looks_counted(values: Numbers) -> bool:
    filled = values[np.isfinite(values)]
    return bool((filled == np.floor(filled)).all()) and bool((np.abs(filled) > LARGEST_UNSAID).any())


def _texts_like_numbers(sampled: Sampled, taken: Collection[str]) -> dict[str, str]:
    """Columns named like a reward that hold no numbers, with what they hold."""
    named = (
        name
        for name, kind in sampled.kinds.items()
        if kind not in NUMERIC and name not in taken and not reason_against(name) and sign_of(name)
    )
    flat = (name for name in named if not any(inner.startswith(f"{name}.") for inner in sampled.kinds))
    return {name: _held(sampled, name) for name in flat}


def _held(sampled: Sampled, name: str) -> str:
    if sampled.kinds[name] == "text":
        text = next(cell for cell in sampled.cells(name) if isinstance(cell, str))
        return f"holds text such as {text[:_TEXT_SHOWN]!r}"
    return "is empty" if sampled.kinds[name] == "empty" else "holds lists or objects"


def _as_option(names: Sequence[str]) -> str:
    """Names as ``--scores`` takes them, for a shell; a name with a comma stands in double quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def _with_reasons(columns: dict[str, str]) -> str:
    return first_of(f"{name} ({reason})" for name, reason in columns.items())
