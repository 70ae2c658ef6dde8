"""Metrics of a series over its steps: the mean over its runs, and from the smallest to the largest."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gd2po.insight.report.rollouts import WEIGHT_BINS
from gd2po.insight.report.run import Run
from gd2po.insight.report.series import Series

Values = Mapping[str, float]
Quantity = Callable[[Values], float | None]
"""A quantity of one step from its metrics, None where the step has none."""

Floats = NDArray[np.float64]

POINTS = 250
"""A curve has at most so many points; each then is the mean of a few steps in a row."""

CELLS = 50
"""The same for columns of a heat map."""


@dataclass(frozen=True)
class Curve:
    """A quantity of a series.

    Attributes:
        steps: The steps at which all runs of the series have a value [P].
        mean, low, high: The mean, the least and the greatest value over the runs [P].
        alone: The steps and values of each run that is further than others, from where those end.
    """

    steps: Floats
    mean: Floats
    low: Floats
    high: Floats
    alone: tuple[tuple[Floats, Floats], ...]


def metric(name: str) -> Quantity:
    """The quantity that is a metric."""
    return lambda values: values.get(name)


def last_step(series: Sequence[Series]) -> int:
    """The last finished step of all runs."""
    return max(run.last_step for experiment in series for run in experiment.runs)


def bin_width(last: int, points: int = POINTS) -> int:
    """How many steps make a point, so that there are at most ``points``."""
    return max(1, -(-last // points))


def curve(series: Series, quantity: Quantity, width: int) -> Curve | None:
    """``quantity`` of a series, or None where no run has it."""
    runs = [values for run in series.runs if (values := _binned(run.steps, quantity, width))]
    if not runs:
        return None
    common = sorted(set.intersection(*map(set, runs)))
    table = np.array([[run[step] for step in common] for run in runs], dtype=np.float64)
    last = common[-1] if common else -1
    alone = tuple(_alone(run, last) for run in runs if max(run) > last)
    return Curve(np.array(common, dtype=np.float64), table.mean(0), table.min(0), table.max(0), alone)


def over_time(series: Series, quantities: Sequence[Quantity], width: int) -> tuple[Floats, Floats]:
    """Centres of the bins of steps [P], and each quantity's mean over runs [quantities, P], NaN where there is none."""
    rows = [[_binned(run.steps, quantity, width) for run in series.runs] for quantity in quantities]
    steps = sorted({step for row in rows for run in row for step in run})
    table = [[_mean([run[step] for run in row if step in run]) for step in steps] for row in rows]
    return np.array(steps, dtype=np.float64), np.array(table, dtype=np.float64)


def weights_over_time(series: Series, width: int) -> tuple[Floats, Floats]:
    """Centres of the bins of steps [P], and in each the share of queries by bin of their weight [bins, P]."""
    counts: dict[int, Counter[int]] = {}
    for run in series.runs:
        for step, dump in run.dumps.items():
            if dump.weights:
                counts.setdefault((step - 1) // width, Counter()).update(dump.weights)
    steps = [_centre(number, width) for number in sorted(counts)]
    shares = [[bins[place] / bins.total() for place in range(WEIGHT_BINS + 1)] for _, bins in sorted(counts.items())]
    return np.array(steps), np.array(shares).reshape(-1, WEIGHT_BINS + 1).T


def last_quarter(series: Series, quantity: Quantity) -> list[float]:
    """The mean of ``quantity`` over the last quarter of the steps of each run that has it."""
    quarters = (part_of(run, quantity, 0.75, math.inf) for run in series.runs)
    return [_mean(values) for values in quarters if values]


def part_of(run: Run, quantity: Quantity, after: float, until: float) -> list[float]:
    """``quantity`` in the steps of a run from one share of its steps, itself left out, to another."""
    steps = (step for step in run.steps if after * run.last_step < step <= until * run.last_step)
    return [value for step in steps if (value := quantity(run.steps[step])) is not None]


def _binned(steps: Mapping[int, Values], quantity: Quantity, width: int) -> dict[float, float]:
    bins: dict[int, list[float]] = {}
    for step, values in steps.items():
        value = quantity(values)
        if value is not None:
            bins.setdefault((step - 1) // width, []).append(value)
    return {_centre(number, width): _mean(values) for number, values in bins.items()}


def _centre(number: int, width: int) -> float:
    return number * width + (width + 1) / 2


def _alone(run: Mapping[float, float], last: float) -> tuple[Floats, Floats]:
    points = np.array([(step, value) for step, value in run.items() if step >= last], dtype=np.float64)
    return points[:, 0], points[:, 1]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
