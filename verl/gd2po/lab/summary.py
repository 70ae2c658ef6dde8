"""What is kept of all results in one file, from which the document and the page are made."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

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
from gd2po.lab.methods import METHODS, PUBLISHED, REFERENCE
from gd2po.lab.results import LabError, Result, Setup, Stage, Task, Verdicts
from gd2po.lab.rules import CANDIDATES, STAGES, checked_rules, fixed_rules, scored_rules, shortfalls

SummaryFormat = Literal["gd2po-lab-summary-2"]
SUMMARY_FORMAT: SummaryFormat = "gd2po-lab-summary-2"
"""The name of the summary's schema."""

Ends = tuple[float, float, float]
"""A mean difference with the ends of its 95 % interval."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UpdateMeans(NamedTuple):
    """Means over seeds of a method's update at one stage, see :class:`gd2po.lab.results.Update`."""

    cosine: float
    cosine_of_mean: float
    signal_to_noise: float
    masked: float


class Cell(_Record):
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


class RuleOutcome(_Record):
    """How the choices of a rule fare in a set of worlds.

    Attributes:
        shortfall: The mean distance to the best candidate of each world, with its interval over worlds.
        within: The share of the choices that are within noise of the best candidate.
        against: The mean difference to always choosing the reference, with its interval over worlds.
    """

    shortfall: Ends
    within: float
    against: Ends


class Prediction(_Record):
    """Predicted gains beside what happened in the next 25 steps.

    Attributes:
        ranks: The mean over worlds of the rank correlation, over methods, of the predicted with the real summed change.
        ranks_pooled: The same for gains in units of the batch's spread.
        fell_negative: The share of falling gold rewards where the predicted gain is below 0 beyond its noise.
        fell_positive: The same where it is above 0 beyond its noise.
        negative: The number of cells with such a negative gain.
        positive: The number of cells with such a positive gain.
    """

    ranks: Ends
    ranks_pooled: Ends
    fell_negative: float
    fell_positive: float
    negative: int
    positive: int


class Course(_Record):
    """How the reference method learned a task; means over seeds.

    Attributes:
        seeds: The number of seeds.
        gold: Reward → its value at each evaluation.
        rollouts: The rollouts of a training.
        elapsed: The seconds of a training, without its evaluations.
    """

    seeds: int
    gold: dict[str, list[float]]
    rollouts: float
    elapsed: float


class Trained(_Record):
    """The trainings of one setup.

    Attributes:
        setup: What trained, which model, on which device.
        tasks: The tasks.
        courses: Task → how the reference method learned it.
        cells: Task → method → outcome, of methods with two or more seeds that the reference has too.
        overall: Method → its mean difference to the reference over the tasks after the last step.
        overall_equal_time: The same when the faster of the two has ended.
    """

    setup: Setup
    tasks: list[Task]
    courses: dict[str, Course]
    cells: dict[str, dict[str, Cell]]
    overall: dict[str, Ends]
    overall_equal_time: dict[str, Ends]


class Summary(_Record):
    """All that the page shows.

    Attributes:
        format: The name of the schema.
        tasks: The worlds, those of the first set first.
        methods: Method → its settings, of those in the worlds.
        cells: World → method → outcome.
        trained: The trainings, a record for each setup.
        rules: Set of worlds → stage → rule → outcome.
        predictions: Set of worlds → stage → prediction.
        left_out: The tasks that have results, but none of the reference method.
        seconds: The time that all results took, on one core each.
    """

    format: SummaryFormat = SUMMARY_FORMAT
    tasks: list[Task]
    methods: dict[str, dict[str, Any]]
    cells: dict[str, dict[str, Cell]]
    trained: list[Trained] = []
    rules: dict[str, dict[str, dict[str, RuleOutcome]]]
    predictions: dict[str, dict[Stage, Prediction]]
    left_out: list[str]
    seconds: float


SETS = {"first": False, "held out": True}
"""Set of worlds → whether its worlds are held out."""


def summarise(results: Iterable[Result], verdicts: Iterable[Verdicts]) -> Summary:
    """Compare all results with those of the reference method; worlds without it are named, and left out.

    Raises:
        LabError: There is no result of the reference method.
    """
    by_task: dict[str, dict[str, Result]] = defaultdict(dict)
    trainings: list[Result] = []
    for result in results:
        if result.kind == "worlds":
            by_task[result.task.name][result.method] = result
        else:
            trainings.append(result)
    trained = summarise_trainings(trainings)
    left_out = sorted(name for name, methods in by_task.items() if REFERENCE not in methods)
    for name in left_out:
        del by_task[name]
    if not by_task and not trained:
        raise LabError(
            f"there are no results of {REFERENCE}, with which the others are compared: run gd2po lab worlds first"
        )
    tasks = sorted(
        (methods[REFERENCE].task for methods in by_task.values()), key=lambda task: (task.held_out, task.name)
    )
    order = {name: place for place, name in enumerate(METHODS)}
    names = sorted(
        {method for methods in by_task.values() for method in methods}, key=lambda name: order.get(name, len(order))
    )
    finals = {
        task: {method: _weighted(result)[-1] for method, result in methods.items()} for task, methods in by_task.items()
    }
    chosen = {verdict.task: verdict for verdict in verdicts}
    cells: dict[str, dict[str, Cell]] = {}
    for held_out in SETS.values():
        cells |= _cells({task.name: by_task[task.name] for task in tasks if task.held_out is held_out}, names)
    in_set = {name: [task for task in tasks if task.held_out is held_out] for name, held_out in SETS.items()}
    worlds = {name: [by_task[task.name] for task in chosen_tasks] for name, chosen_tasks in in_set.items()}
    return Summary(
        tasks=tasks,
        methods={
            name: next(dict(methods[name].settings) for methods in by_task.values() if name in methods)
            for name in names
        },
        cells={task.name: cells[task.name] for task in tasks},
        trained=trained,
        rules={
            name: {
                stage: outcomes
                for stage in STAGES
                if (outcomes := _rules(chosen_tasks, by_task, finals, chosen, stage))
            }
            for name, chosen_tasks in in_set.items()
            if chosen_tasks
        },
        predictions={
            name: {
                stage: _prediction(chosen_worlds, stage)
                for stage in STAGES
                if any(stage in methods[REFERENCE].updates for methods in chosen_worlds)
            }
            for name, chosen_worlds in worlds.items()
            if chosen_worlds
        },
        left_out=left_out,
        seconds=round(sum(result.seconds for methods in by_task.values() for result in methods.values())),
    )


def summarise_trainings(results: Iterable[Result]) -> list[Trained]:
    """A record for each setup whose trainings have the reference method.

    Trainings of a task that differ in its settings are not compared: those with which more trainings were done count.
    """
    setups: dict[Setup, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        setups[result.trained_with][result.task.name].append(result)
    return [
        summary
        for setup, tasks in sorted(setups.items(), key=lambda item: str(item[0]))
        if (summary := _of_setup(setup, {name: _by_method(trainings) for name, trainings in tasks.items()}))
    ]


def _by_method(trainings: Sequence[Result]) -> dict[str, Result]:
    """Method → all its seeds, of the trainings with the settings of the task that occur most."""
    settings = [repr(training.task.settings) for training in trainings]
    most = max(settings, key=settings.count)
    methods: dict[str, Result] = {}
    for training, its in zip(trainings, settings, strict=True):
        if its == most:
            before = methods.get(training.method)
            methods[training.method] = merged(before, training) if before else training
    return methods


def _of_setup(setup: Setup, tasks: Mapping[str, Mapping[str, Result]]) -> Trained | None:
    learned = {name: methods for name, methods in sorted(tasks.items()) if REFERENCE in methods}
    if not learned:
        return None
    comparable = {name: _comparable(methods) for name, methods in learned.items()}
    compared = {name: methods for name, methods in comparable.items() if len(methods) > 1}
    samples: dict[str, list[tuple[Numbers, Numbers]]] = {
        method: [_paired_differences(of_task[method], of_task[REFERENCE]) for of_task in compared.values()]
        for method in METHODS
        if method != REFERENCE and compared and all(method in of_task for of_task in compared.values())
    }
    overall, equal_time = (
        {method: _ends(student_interval(*(pair[place] for pair in pairs))) for method, pairs in samples.items()}
        for place in (0, 1)
    )
    return Trained(
        setup=setup,
        tasks=[methods[REFERENCE].task for methods in learned.values()],
        courses={name: _course(methods[REFERENCE]) for name, methods in learned.items()},
        cells=_cells(compared, tuple(METHODS)),
        overall=overall,
        overall_equal_time=equal_time,
    )


def _course(result: Result) -> Course:
    def last(values: list[list[float]] | None) -> float:
        return round(float(np.mean(values[-1])), 1) if values else 0.0

    return Course(
        seeds=len(result.seeds),
        gold={name: [_mean(values) for values in evaluations] for name, evaluations in result.gold.items()},
        rollouts=last(result.rollouts),
        elapsed=last(result.elapsed),
    )


def _common(result: Result, reference: Result) -> tuple[list[int], list[int]]:
    """The places of the seeds that both have."""
    common = [seed for seed in result.seeds if seed in reference.seeds]
    return [result.seeds.index(seed) for seed in common], [reference.seeds.index(seed) for seed in common]


def _paired_differences(result: Result, reference: Result) -> tuple[Numbers, Numbers]:
    """The differences of the weighted means on each common seed: after the last step, and at equal time."""
    here, there = _common(result, reference)
    ours, theirs = _at_equal_time(result, here, reference, there)
    return _weighted(result)[-1][here] - _weighted(reference)[-1][there], ours - theirs


def _cells(by_task: Mapping[str, Mapping[str, Result]], names: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """The outcomes of a set of tasks; the p values are adjusted together."""
    raw: dict[str, dict[str, tuple[Cell, float]]] = {}
    for task, methods in by_task.items():
        raw[task] = {name: _cell(methods[name], methods[REFERENCE]) for name in names if name in methods}
    keys = [(task, name) for task, methods in raw.items() for name in methods if name != REFERENCE]
    adjusted = dict(zip(keys, holm([raw[task][name][1] for task, name in keys]), strict=True))
    return {
        task: {
            name: cell.model_copy(update={"p": _digits(adjusted.get((task, name), 1.0))})
            for name, (cell, _) in methods.items()
        }
        for task, methods in raw.items()
    }


def merged(first: Result, second: Result) -> Result:
    """One result with the seeds of two trainings of a method on a task; that of the longer one if they differ in steps.

    Raises:
        LabError: a seed is in both.
    """
    if shared := sorted(set(first.seeds) & set(second.seeds)):
        raise LabError(f"{first.task.name}, {first.method}: two results have the seeds {shared}; remove one of them")
    if first.steps != second.steps:
        return max(first, second, key=lambda result: result.steps[-1])

    def beside(one: list[list[float]] | None, other: list[list[float]] | None) -> list[list[float]] | None:
        return [[*left, *right] for left, right in zip(one, other, strict=True)] if one and other else None

    return first.model_copy(
        update={
            "seeds": (*first.seeds, *second.seeds),
            "gold": {name: beside(values, second.gold[name]) for name, values in first.gold.items()},
            "rollouts": beside(first.rollouts, second.rollouts),
            "elapsed": beside(first.elapsed, second.elapsed),
            "seconds": first.seconds + second.seconds,
        }
    )


def _comparable(methods: Mapping[str, Result]) -> dict[str, Result]:
    """The methods that share two or more seeds, and the steps, with the reference."""
    reference = methods[REFERENCE]
    return {
        name: result
        for name, result in methods.items()
        if result.steps == reference.steps and len(set(result.seeds) & set(reference.seeds)) > 1
    }


def _cell(result: Result, reference: Result) -> tuple[Cell, float]:
    measures, usual = _measures(result), _measures(reference)
    here, there = _common(result, reference)
    interval_of = student_interval if result.kind == "runs" else mean_interval
    compared = {name: paired(values[here], usual[name][there], interval_of) for name, values in measures.items()}
    if result.kind == "runs":
        compared["time"] = paired(*_at_equal_time(result, here, reference, there), interval_of)
    ends = {name: _ends(difference.interval) for name, difference in compared.items()}
    gold = np.asarray([values[-1] for values in result.gold.values()])
    updates = {
        stage: UpdateMeans(
            cosine=_mean(update.cosine),
            cosine_of_mean=_mean(update.cosine_of_mean),
            signal_to_noise=_mean(update.signal_to_noise),
            masked=_mean(update.masked),
        )
        for stage, update in result.updates.items()
    }
    cell = Cell(
        seeds=len(here),
        mean=[round(float(value), 3) for value in measures["mean"]],
        gold=[_digits(value) for value in gold.mean(1)],
        difference=ends["mean"],
        p=1.0,
        area=ends["area"],
        worst=ends["worst"],
        hypervolume=ends.get("hypervolume"),
        equal_time=ends.get("time"),
        updates=updates,
    )
    return cell, compared["mean"].p


def _measures(result: Result) -> dict[str, Numbers]:
    """Measure → its value for each seed [S]."""
    gold = np.asarray(list(result.gold.values()))  # [K, evaluations, S]
    weighted = _weighted(result)
    measures = {
        "mean": weighted[-1],
        "area": area_under_curve(weighted, result.steps),
        "worst": gold[:, -1].min(0),
    }
    if result.kind == "worlds" and len(gold) in (2, 3):
        measures["hypervolume"] = np.array([hypervolume(gold[:, :, seed].T) for seed in range(gold.shape[2])])
    return measures


def _at_equal_time(
    first: Result, places: Sequence[int], second: Result, others: Sequence[int]
) -> tuple[Numbers, Numbers]:
    """The weighted means of both at the time at which the faster of the two ends, for each pair of seeds."""
    pairs = []
    for place, other in zip(places, others, strict=True):
        times = [np.asarray(result.elapsed)[:, at] for result, at in ((first, place), (second, other))]
        end = min(time[-1] for time in times)
        curves = (_weighted(result)[:, at] for result, at in ((first, place), (second, other)))
        pairs.append([np.interp(end, time, curve) for time, curve in zip(times, curves, strict=True)])
    ours, theirs = np.asarray(pairs).T
    return ours, theirs


def _weighted(result: Result) -> Numbers:
    """The weighted mean of the gold rewards [evaluations, S]; of trainings, the mean of rewards over their ranges."""
    weights = np.asarray(result.task.weights)
    total = weights.sum() if result.kind == "worlds" else len(weights)
    return np.einsum("k,kes->es", weights / total, np.asarray(list(result.gold.values())))


def _rules(
    tasks: Sequence[Task],
    by_task: Mapping[str, Mapping[str, Result]],
    finals: Mapping[str, Mapping[str, Numbers]],
    verdicts: Mapping[str, Verdicts],
    stage: Stage,
) -> dict[str, RuleOutcome]:
    lost: dict[str, list[float]] = defaultdict(list)
    within: dict[str, list[float]] = defaultdict(list)
    candidates = [name for name in CANDIDATES if all(name in by_task[task.name] for task in tasks)]
    for task in tasks:
        results = {name: by_task[task.name][name] for name in candidates}
        outcomes = {name: finals[task.name][name] for name in candidates}
        choices = {rule: [method] for rule, method in fixed_rules()}
        if task.name in verdicts:
            choices |= dict(checked_rules(verdicts[task.name].chosen[stage]))
        if all(stage in result.updates for result in results.values()):
            choices |= dict(
                scored_rules({name: result.updates[stage] for name, result in results.items()}, task.weights)
            )
        for rule, chosen in choices.items():
            if not set(chosen) <= set(candidates):
                continue
            shortfall, share = shortfalls(chosen, outcomes)
            lost[rule].append(shortfall)
            within[rule].append(share)
    usual = np.asarray(lost.get(f"always {REFERENCE}", ()))
    return {
        rule: RuleOutcome(
            shortfall=_ends(mean_interval(np.asarray(values))),
            within=_digits(float(np.mean(within[rule]))),
            against=_ends(mean_interval(usual - np.asarray(values))),
        )
        for rule, values in lost.items()
        if len(values) == len(usual) and len(values) > 1
    }


def _prediction(worlds: Sequence[Mapping[str, Result]], stage: Stage) -> Prediction:
    ranks, ranks_pooled = [], []
    fell: dict[bool, list[bool]] = {True: [], False: []}
    for methods in worlds:
        rows = []
        for result in methods.values():
            update = result.updates[stage]
            share = np.asarray(result.task.weights) / np.sum(result.task.weights)
            gain, pooled, change = (
                np.asarray(list(values.values())) for values in (update.gain, update.pooled_gain, update.change)
            )
            noise = gain.std(1, ddof=1) / np.sqrt(gain.shape[1])
            for mean, error, real in zip(gain.mean(1), noise, change.mean(1), strict=True):
                if abs(mean) > 2 * error:
                    fell[bool(mean < 0)].append(bool(real < 0))
            if result.method in CANDIDATES:
                rows.append([float(share @ values.mean(1)) for values in (gain, pooled, change)])
        if len(rows) > 2:
            predicted, predicted_pooled, real = np.asarray(rows).T
            ranks.append(_rank_correlation(predicted, real))
            ranks_pooled.append(_rank_correlation(predicted_pooled, real))
    return Prediction(
        ranks=_ends(mean_interval(np.asarray(ranks or [np.nan]))),
        ranks_pooled=_ends(mean_interval(np.asarray(ranks_pooled or [np.nan]))),
        fell_negative=_mean(fell[True]),
        fell_positive=_mean(fell[False]),
        negative=len(fell[True]),
        positive=len(fell[False]),
    )


def _rank_correlation(predicted: Numbers, real: Numbers) -> float:
    """Spearman's coefficient, with predictions that differ by rounding taken as equal; 0 where all are equal."""
    predicted = predicted.round(4)
    if np.ptp(predicted) == 0 or np.ptp(real) == 0:
        return 0.0
    return float(stats.spearmanr(predicted, real).statistic)


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


def _ends(interval: Any) -> Ends:
    return _digits(interval.value), _digits(interval.low), _digits(interval.high)


def _mean(values: Sequence[float]) -> float:
    return _digits(float(np.mean(values))) if len(values) else 0.0


def _digits(value: float) -> float:
    return round(float(value), 4)
