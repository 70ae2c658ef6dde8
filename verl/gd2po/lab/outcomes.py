"""What methods reached on a task, compared with the reference method on the same seeds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from gd2po.intervals import Interval
from gd2po.lab.comparing import (
    RELEVANT,
    SIGNIFICANT,
    Numbers,
    area_under_curve,
    holm,
    hypervolume,
    mean_interval,
    paired,
    student_interval,
)
from gd2po.lab.methods import PUBLISHED, REFERENCE
from gd2po.lab.results import Result, Stage

Ends = tuple[float, float, float]
"""A mean difference with the ends of its 95 % interval."""


class Record(BaseModel):
    """A part of the summary."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UpdateMeans(NamedTuple):
    """Means over seeds of a method's update at one stage, see :class:`gd2po.lab.results.Update`."""

    cosine: float
    cosine_of_mean: float
    signal_to_noise: float
    masked: float


class Cell(Record):
    """One method on one task.

    Attributes:
        seeds: The number of seeds.
        mean: The weighted mean of the gold rewards after the last step, for each seed.
        gold: Each gold reward after the last step, mean over seeds.
        difference: The difference of the weighted mean to the reference method on the same seeds.
        p: The adjusted p value of that difference, among all comparisons of the set.
        area: The difference of the mean over the training.
        worst: The difference of the least gold reward.
        hypervolume: The difference of the volume that the evaluated policies dominate; worlds of two or three rewards.
        equal_time: The difference of the weighted mean when the faster of the two has ended; trainings only.
        updates: The update at the start and halfway.
    """

    seeds: int
    mean: list[float]
    gold: list[float]
    difference: Ends
    p: float
    area: Ends
    worst: Ends
    hypervolume: Ends | None = None
    equal_time: Ends | None = None
    updates: dict[Stage, UpdateMeans]

    @property
    def clear(self) -> Literal["better", "worse", "level"]:
        """Whether the method differs clearly from the reference: after the correction, and by enough to matter."""
        if self.p >= SIGNIFICANT or abs(self.difference[0]) < RELEVANT:
            return "level"
        return "better" if self.difference[0] > 0 else "worse"


def compare(by_task: Mapping[str, Mapping[str, Result]], names: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """Task → method → outcome, of a set of tasks whose p values are adjusted together."""
    raw: dict[str, dict[str, tuple[Cell, float]]] = {}
    for task, methods in by_task.items():
        raw[task] = {name: _cell(methods[name], methods[REFERENCE]) for name in names if name in methods}
    keys = [(task, name) for task, methods in raw.items() for name in methods if name != REFERENCE]
    adjusted = dict(zip(keys, holm([raw[task][name][1] for task, name in keys]), strict=True))
    return {
        task: {
            name: cell.model_copy(update={"p": rounded(adjusted.get((task, name), 1.0))})
            for name, (cell, _) in methods.items()
        }
        for task, methods in raw.items()
    }


def _cell(result: Result, reference: Result) -> tuple[Cell, float]:
    measures, usual = _measures(result), _measures(reference)
    here, there = common_seeds(result, reference)
    interval_of = student_interval if result.kind == "runs" else mean_interval
    compared = {name: paired(values[here], usual[name][there], interval_of) for name, values in measures.items()}
    if result.kind == "runs":
        compared["time"] = paired(*at_equal_time(result, here, reference, there), interval_of)
    intervals = {name: ends(difference.interval) for name, difference in compared.items()}
    gold = np.asarray([values[-1] for values in result.gold.values()])
    updates = {
        stage: UpdateMeans(
            cosine=rounded_mean(update.cosine),
            cosine_of_mean=rounded_mean(update.cosine_of_mean),
            signal_to_noise=rounded_mean(update.signal_to_noise),
            masked=rounded_mean(update.masked),
        )
        for stage, update in result.updates.items()
    }
    cell = Cell(
        seeds=len(here),
        mean=[round(float(value), 3) for value in measures["mean"]],
        gold=[rounded(value) for value in gold.mean(1)],
        difference=intervals["mean"],
        p=1.0,
        area=intervals["area"],
        worst=intervals["worst"],
        hypervolume=intervals.get("hypervolume"),
        equal_time=intervals.get("time"),
        updates=updates,
    )
    return cell, compared["mean"].p


def _measures(result: Result) -> dict[str, Numbers]:
    """Measure → its value for each seed [S]."""
    gold = np.asarray(list(result.gold.values()))  # [K, evaluations, S]
    weighted = weighted_mean(result)
    measures = {
        "mean": weighted[-1],
        "area": area_under_curve(weighted, result.steps),
        "worst": gold[:, -1].min(0),
    }
    if result.kind == "worlds" and len(gold) in (2, 3):
        measures["hypervolume"] = np.array([hypervolume(gold[:, :, seed].T) for seed in range(gold.shape[2])])
    return measures


def common_seeds(result: Result, reference: Result) -> tuple[list[int], list[int]]:
    """The places of the seeds that both have."""
    common = [seed for seed in result.seeds if seed in reference.seeds]
    return [result.seeds.index(seed) for seed in common], [reference.seeds.index(seed) for seed in common]


def at_equal_time(
    first: Result, places: Sequence[int], second: Result, others: Sequence[int]
) -> tuple[Numbers, Numbers]:
    """The weighted means of both at the time at which the faster of the two ends, for each pair of seeds."""
    pairs = []
    for place, other in zip(places, others, strict=True):
        times = [np.asarray(result.elapsed)[:, at] for result, at in ((first, place), (second, other))]
        end = min(time[-1] for time in times)
        curves = (weighted_mean(result)[:, at] for result, at in ((first, place), (second, other)))
        pairs.append([np.interp(end, time, curve) for time, curve in zip(times, curves, strict=True)])
    ours, theirs = np.asarray(pairs).T
    return ours, theirs


def weighted_mean(result: Result) -> Numbers:
    """The weighted mean of the gold rewards [evaluations, S]; of trainings, the mean of rewards over their ranges."""
    weights = np.asarray(result.task.weights)
    total = weights.sum() if result.kind == "worlds" else len(weights)
    return np.einsum("k,kes->es", weights / total, np.asarray(list(result.gold.values())))


def published_shortfall(cells: Mapping[str, Cell]) -> dict[str, float]:
    """Method → its mean difference to the best method of the papers, which the other half of the seeds chose."""
    finals = {name: np.asarray(cell.mean) for name, cell in cells.items()}
    lost: dict[str, list[float]] = defaultdict(list)
    for chosen_on in (0, 1):
        best = _best_on(finals, chosen_on)
        for name, values in finals.items():
            measured = slice(1 - chosen_on, len(values), 2)
            lost[name].append(float((values[measured] - finals[best][measured]).mean()))
    return {name: float(np.mean(values)) for name, values in lost.items()}


def _best_on(finals: Mapping[str, Numbers], first: int) -> str:
    """The best method of the papers on every second seed."""
    return max((name for name in PUBLISHED if name in finals), key=lambda name: finals[name][first::2].mean())


def ends(interval: Interval) -> Ends:
    """A mean difference with its interval, rounded."""
    return rounded(interval.value), rounded(interval.low), rounded(interval.high)


def rounded_mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return rounded(float(np.mean(values))) if len(values) else 0.0


def rounded(value: float) -> float:
    """To four decimals, as all figures of the summary are kept."""
    return round(float(value), 4)
