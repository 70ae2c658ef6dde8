"""What is kept of all results in one file, from which the document and the page are made."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gd2po.lab.methods import METHODS, REFERENCE
from gd2po.lab.outcomes import Cell, Record, compare
from gd2po.lab.predicting import Prediction, RuleOutcome, predictions, rule_outcomes
from gd2po.lab.results import LabError, Result, Stage, Task, Verdicts
from gd2po.lab.trained import Trained, summarise_trainings

SummaryFormat = Literal["gd2po-lab-summary-2"]
SUMMARY_FORMAT: SummaryFormat = "gd2po-lab-summary-2"
"""The name of the summary's schema."""

SETS = {"first": False, "held out": True}
"""Set of worlds → whether its worlds are held out."""


class Summary(Record):
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
    trained: list[Trained]
    rules: dict[str, dict[str, dict[str, RuleOutcome]]]
    predictions: dict[str, dict[Stage, Prediction]]
    left_out: list[str]
    seconds: float


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
    worlds = {name: methods for name, methods in by_task.items() if REFERENCE in methods}
    if not worlds and not trained:
        raise LabError(
            f"there are no results of {REFERENCE}, with which the others are compared: run gd2po lab worlds first"
        )
    tasks = sorted(
        (methods[REFERENCE].task for methods in worlds.values()), key=lambda task: (task.held_out, task.name)
    )
    settings = _settings(worlds)
    sets = {
        name: {task.name: worlds[task.name] for task in tasks if task.held_out is held_out}
        for name, held_out in SETS.items()
    }
    chosen = {verdict.task: verdict for verdict in verdicts}
    return Summary(
        tasks=tasks,
        methods=settings,
        cells={name: cells for of_set in sets.values() for name, cells in compare(of_set, tuple(settings)).items()},
        trained=trained,
        rules={name: rule_outcomes(of_set, chosen) for name, of_set in sets.items() if of_set},
        predictions={name: predictions(of_set) for name, of_set in sets.items() if of_set},
        left_out=sorted(by_task.keys() - worlds.keys()),
        seconds=round(sum(result.seconds for methods in worlds.values() for result in methods.values())),
    )


def _settings(worlds: Mapping[str, Mapping[str, Result]]) -> dict[str, dict[str, Any]]:
    """Method → its settings, of all methods in the worlds, in the order of the registered ones."""
    order = {name: place for place, name in enumerate(METHODS)}
    settings = {name: dict(result.settings) for methods in worlds.values() for name, result in methods.items()}
    return dict(sorted(settings.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
