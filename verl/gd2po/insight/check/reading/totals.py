"""Columns that are made of others: sums, means, weighted totals and products."""

from collections.abc import Iterable, Mapping
from itertools import chain, combinations

import numpy as np

from gd2po.insight.check.rollouts import Numbers

SUMMANDS_AT_MOST = 20

_SPARE_ROWS = 4
"""Rows beyond the number of summands from which on an exact total is no chance."""

_SMALL = 1e-3

_DIFFERENT_ROWS = 4
"""Rows in which a product has to differ from each of its factors."""

_FACTORS, _FACTORS_AT_MOST, _FIRST_ROWS = (2, 3), 12, 64


def product_of(column: str, columns: Mapping[str, Numbers]) -> str:
    """The two or three other columns of which a column is the product, in words; empty if it is none.

    Args:
        column: The name of the column.
        columns: Name → numbers [n] of this column and of others, NaN where empty.
    """
    values, others = _beside(column, columns)
    differ = (name for name, numbers in others.items() if np.count_nonzero(numbers != values) >= _DIFFERENT_ROWS)
    names = list(differ)[:_FACTORS_AT_MOST]
    if _is_constant(values):
        return ""
    for chosen in chain.from_iterable(combinations(names, count) for count in _FACTORS):
        few = np.prod([others[name][:_FIRST_ROWS] for name in chosen], axis=0)
        if abs(few - values[:_FIRST_ROWS]).max() < _SMALL and _is_exact(
            np.prod([others[name] for name in chosen], axis=0), values
        ):
            return f"the product of {', '.join(chosen)}"
    return ""


def total_of(column: str, columns: Mapping[str, Numbers]) -> str:
    """The other columns of which a column is a total with positive weights, in words; empty if it is none.

    Args:
        column: The name of the column.
        columns: Name → numbers [n] of this column and of others, NaN where empty.
    """
    from scipy.optimize import nnls

    values, others = _beside(column, columns)
    varying = (
        name for name, numbers in others.items() if not _is_constant(numbers) and not _is_multiple(numbers, values)
    )
    names = list(varying)[:SUMMANDS_AT_MOST]
    if len(names) < 2 or len(values) < len(names) + _SPARE_ROWS or _is_constant(values):
        return ""
    matrix = np.stack([others[name] for name in names], axis=1)
    try:
        weights = nnls(matrix, values)[0]
    except RuntimeError:  # it did not converge
        return ""
    parts = _parts(names, weights)
    if len(parts) < 2 or not _is_exact(matrix @ weights, values):
        return ""
    for word, weight in (("sum", 1.0), ("mean", 1 / len(parts))):
        if np.allclose(list(parts.values()), weight, rtol=_SMALL):
            return f"the {word} of {', '.join(parts)}"
    return f"the weighted total {_terms(parts)}"


def dependence(columns: Mapping[str, Numbers]) -> str:
    """How one of these columns follows from two or more others, whatever the signs, in words; empty if none does."""
    filled = np.isfinite(list(columns.values())).all(0) if columns else np.array([])
    before: dict[str, Numbers] = {}
    for name, numbers in columns.items():
        values = numbers[filled]
        if len(values) < len(before) + 1 + _SPARE_ROWS or _is_constant(values):
            continue
        if any(_is_multiple(values, other) for other in before.values()):
            continue
        if before:
            matrix = np.stack(list(before.values()), axis=1)
            weights = np.linalg.lstsq(matrix, values, rcond=None)[0].astype(np.float64)
            parts = _parts(before, weights)
            if len(parts) > 1 and _is_exact(matrix @ weights, values):
                return f"{name} is {_terms(parts)}"
        before[name] = values
    return ""


def _beside(column: str, columns: Mapping[str, Numbers]) -> tuple[Numbers, dict[str, Numbers]]:
    """The numbers of a column where it has some, and those of the other columns that all have some there."""
    filled = np.isfinite(columns[column])
    others = {name: numbers[filled] for name, numbers in columns.items() if name != column}
    return columns[column][filled], {name: numbers for name, numbers in others.items() if np.isfinite(numbers).all()}


def _parts(names: Iterable[str], weights: Numbers) -> dict[str, float]:
    return {name: weight for name, weight in zip(names, weights.tolist(), strict=True) if abs(weight) > _SMALL}


def _is_exact(total: Numbers, values: Numbers) -> bool:
    return bool(np.allclose(total, values, rtol=1e-4, atol=2e-4 * float(np.ptp(values))))


def _is_constant(values: Numbers) -> bool:
    return not len(values) or bool(np.ptp(values) == 0)


def _is_multiple(numbers: Numbers, other: Numbers) -> bool:
    return bool(np.isclose(abs(numbers @ other), np.linalg.norm(numbers) * np.linalg.norm(other), rtol=1e-9))


def _terms(weights: Mapping[str, float]) -> str:
    return " + ".join(f"{weight:.3g} {name}" for name, weight in weights.items()).replace("+ -", "− ")
