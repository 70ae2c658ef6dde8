"""The outcomes of trainings in a real trainer, a record for each trainer, model and device."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gd2po.lab.comparing import Numbers, student_interval
from gd2po.lab.methods import METHODS, REFERENCE
from gd2po.lab.outcomes import (
    Cell,
    Ends,
    Record,
    at_equal_time,
    common_seeds,
    compare,
    ends,
    rounded_mean,
    weighted_mean,
)
from gd2po.lab.results import LabError, Result, Setup, Task


class Course(Record):
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


class Trained(Record):
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
        {method: ends(student_interval(*(pair[place] for pair in pairs))) for method, pairs in samples.items()}
        for place in (0, 1)
    )
    return Trained(
        setup=setup,
        tasks=[methods[REFERENCE].task for methods in learned.values()],
        courses={name: _course(methods[REFERENCE]) for name, methods in learned.items()},
        cells=compare(compared, tuple(METHODS)),
        overall=overall,
        overall_equal_time=equal_time,
    )


def _comparable(methods: Mapping[str, Result]) -> dict[str, Result]:
    """The methods that share two or more seeds, and the steps, with the reference."""
    reference = methods[REFERENCE]
    return {
        name: result
        for name, result in methods.items()
        if result.steps == reference.steps and len(set(result.seeds) & set(reference.seeds)) > 1
    }


def _course(result: Result) -> Course:
    def last(values: list[list[float]] | None) -> float:
        return round(float(np.mean(values[-1])), 1) if values else 0.0

    return Course(
        seeds=len(result.seeds),
        gold={name: [rounded_mean(values) for values in evaluations] for name, evaluations in result.gold.items()},
        rollouts=last(result.rollouts),
        elapsed=last(result.elapsed),
    )


def _paired_differences(result: Result, reference: Result) -> tuple[Numbers, Numbers]:
    """The differences of the weighted means on each common seed: after the last step, and at equal time."""
    here, there = common_seeds(result, reference)
    ours, theirs = at_equal_time(result, here, reference, there)
    return weighted_mean(result)[-1][here] - weighted_mean(reference)[-1][there], ours - theirs
