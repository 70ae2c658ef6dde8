"""The tables of a summary, and what they are made of."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from gd2po.lab.comparing import mean_interval
from gd2po.lab.methods import REFERENCE
from gd2po.lab.outcomes import Cell, Ends, published_shortfall
from gd2po.lab.parts import Table, TableCell, Tone, percent, plain, signed, with_ends
from gd2po.lab.results import Stage, Task
from gd2po.lab.summary import SETS, Summary

MAIN = (
    *("grpo", "gdpo", "gdpo_floored", "gdpo_shrunk", "gdpo_pooled"),
    *("gd2po_snr0.2", "gd2po_snr0.5", "gd2po_snr0.8", "gd2po_hard", "gd2po_guard"),
)
"""The methods that have a column in the document; the page has all."""

_HEADS = {
    "gdpo_floored": "floored",
    "gdpo_shrunk": "shrunk",
    "gdpo_pooled": "pooled",
    "gd2po_snr0.2": "SNR .2",
    "gd2po_snr0.5": "SNR .5",
    "gd2po_snr0.8": "SNR .8",
    "gd2po_hard": "Hard",
    "gd2po_guard": "guard",
}


def short(method: str) -> str:
    """The name of a method at the head of a column."""
    return _HEADS.get(method, method)


def of_set(summary: Summary, held_out: bool) -> list[Task]:
    """The tasks of a set."""
    return [task for task in summary.tasks if task.held_out is held_out]


def differences(summary: Summary, method: str, tasks: Iterable[Task], measure: str = "difference") -> list[float]:
    """The mean differences of a method to the reference, for each of the tasks that has both."""
    cells = (summary.cells[task.name].get(method) for task in tasks)
    values = (getattr(cell, measure) for cell in cells if cell is not None)
    return [value[0] for value in values if value is not None]


def over(values: Sequence[float]) -> Ends:
    """The mean over tasks with its interval."""
    interval = mean_interval(np.asarray(values))
    return interval.value, interval.low, interval.high


def overview(summary: Summary) -> Table:
    """One row for each method: differences to the reference in both sets, and the counts of clear ones."""
    rows = []
    for method in summary.methods:
        cells: list[TableCell] = [TableCell(f"`{method}`")]
        for held_out in SETS.values():
            tasks = [task for task in of_set(summary, held_out) if method in summary.cells[task.name]]
            values = differences(summary, method, tasks)
            if not values:
                cells += [TableCell("–")] * 3
                continue
            ends = over(values)
            clear = [summary.cells[task.name][method].clear for task in tasks]
            worst, where = min((value, task.name) for value, task in zip(values, tasks, strict=True))
            cells += [
                TableCell("reference" if method == REFERENCE else with_ends(ends), _tone(ends)),
                TableCell("–" if method == REFERENCE else f"{clear.count('better')} / {clear.count('worse')}"),
                TableCell("–" if method == REFERENCE or worst >= 0 else f"{signed(worst)} {where}"),
            ]
        rows.append(tuple(cells))
    heads = ("method", "first set", "better / worse", "largest loss", "held out", "better / worse", "largest loss")
    return Table(heads, tuple(rows))


def other_measures(summary: Summary) -> Table:
    """One row for each method: other measures over all worlds, and the distance to the best published method."""
    shortfall = {
        method: [
            published_shortfall(summary.cells[task.name])[method]
            for task in summary.tasks
            if method in summary.cells[task.name]
        ]
        for method in summary.methods
    }
    rows = []
    for method in summary.methods:
        cells = [TableCell(f"`{method}`")]
        for measure in ("area", "worst", "hypervolume"):
            ends = over(differences(summary, method, summary.tasks, measure))
            cells.append(TableCell("–" if method == REFERENCE else with_ends(ends), _tone(ends)))
        ends = over(shortfall[method])
        rows.append((*cells, TableCell(with_ends(ends), _tone(ends))))
    heads = ("method", "mean over the training", "least reward", "hypervolume", "against the best published")
    return Table(heads, tuple(rows))


def worlds_table(summary: Summary, held_out: bool, methods: Sequence[str], only: Literal["document", "page"]) -> Table:
    """One row for each world: the weighted mean at the end, with + and − where it differs clearly."""
    rows = []
    columns = [method for method in methods if method in summary.methods]
    for task in of_set(summary, held_out):
        cells = [TableCell(task.name, hint=f"{task.summary}; {', '.join(task.categories)}")]
        for method in columns:
            cell = summary.cells[task.name].get(method)
            cells.append(TableCell("–") if cell is None else _world_cell(cell, method))
        rows.append(tuple(cells))
    return Table(("world", *map(short, columns)), tuple(rows), only)


def regimes(summary: Summary, methods: Sequence[str]) -> Table:
    """One row for each regime: mean differences to the reference over its worlds of both sets."""
    columns = [method for method in methods if method in summary.methods and method != REFERENCE]
    categories: dict[str, list[Task]] = {}
    for task in summary.tasks:
        for category in task.categories:
            categories.setdefault(category, []).append(task)
    rows = []
    for category, tasks in sorted(categories.items(), key=lambda item: (-len(item[1]), item[0])):
        cells = [TableCell(f"{category} ({len(tasks)})", hint=", ".join(task.name for task in tasks))]
        for method in columns:
            values = differences(summary, method, tasks)
            marks = [summary.cells[task.name][method].clear for task in tasks if method in summary.cells[task.name]]
            tone: Tone = "" if not values else _tone_of_counts(marks.count("better"), marks.count("worse"))
            text = signed(float(np.mean(values))) if values else "–"
            cells.append(TableCell(text, tone, f"{marks.count('better')} better, {marks.count('worse')} worse"))
        rows.append(tuple(cells))
    return Table(("regime (worlds)", *map(short, columns)), tuple(rows))


def losses(summary: Summary, methods: Sequence[str]) -> tuple[str, ...]:
    """An item for each method: the worlds in which it is clearly worse than the reference, and by how much."""
    items = []
    for method in methods:
        worse = sorted(
            (cells[method].difference[0], task)
            for task, cells in summary.cells.items()
            if method in cells and cells[method].clear == "worse"
        )
        if method != REFERENCE:
            listed = ", ".join(f"{task} {signed(value)}" for value, task in worse) or "in none"
            items.append(f"`{method}`: {listed}.")
    return tuple(items)


def updates_table(summary: Summary, methods: Sequence[str]) -> Table:
    """One row for each method: its update beside the exact gradient, means over all worlds."""
    rows = []
    for method in methods:
        if method not in summary.methods:
            continue
        cells = [TableCell(f"`{method}`")]
        for stage in ("start", "halfway"):
            for name in ("cosine", "cosine_of_mean", "signal_to_noise", "masked"):
                value = mean_update(summary, method, stage, name)
                cells.append(TableCell("–" if np.isnan(value) else plain(value, 2)))
        rows.append(tuple(cells))
    columns = ("cosine", "of the mean", "signal / noise", "masked")
    return Table(("method", *(f"{name}, {stage}" for stage in ("start", "half") for name in columns)), tuple(rows))


def rules_table(summary: Summary) -> Table:
    """One row for each rule, by its shortfall in the first set: how it fares in both sets."""
    rows = []
    lines = [
        (rule, stage, outcome)
        for stage, rules in summary.rules.get("first", {}).items()
        for rule, outcome in rules.items()
        if stage == "start" or not rule.startswith("always")
    ]
    for rule, stage, outcome in sorted(lines, key=lambda line: line[2].shortfall[0]):
        name = rule if rule.startswith("always") else f"{rule}, {stage}"
        cells = [TableCell(name)]
        for entry in (outcome, summary.rules.get("held out", {}).get(stage, {}).get(rule)):
            if entry is None:
                cells += [TableCell("–")] * 3
                continue
            cells += [
                TableCell(plain(entry.shortfall[0])),
                TableCell(percent(entry.within)),
                TableCell(with_ends(entry.against) if rule != f"always {REFERENCE}" else "–", _tone(entry.against)),
            ]
        rows.append(tuple(cells))
    heads = ("shortfall", "within noise", "against always GDPO")
    return Table(("rule", *(f"{head}, {name}" for name in SETS for head in heads)), tuple(rows))


def predictions_table(summary: Summary) -> Table:
    """One row for each set and stage: predicted gains beside what happened."""
    rows = [
        (
            TableCell(f"{name}, {stage}"),
            TableCell(_range(prediction.ranks)),
            TableCell(_range(prediction.ranks_pooled)),
            TableCell(f"{percent(prediction.fell_negative)} of {prediction.negative}"),
            TableCell(f"{percent(prediction.fell_positive)} of {prediction.positive}"),
        )
        for name, stages in summary.predictions.items()
        for stage, prediction in stages.items()
    ]
    heads = ("set, stage", "rank correlation", "the same, pooled units", "fell where c_k < 0", "fell where c_k > 0")
    return Table(heads, tuple(rows))


def _range(ends: Ends) -> str:
    return f"{plain(ends[0], 2)} ({plain(ends[1], 2)} to {plain(ends[2], 2)})"


def mean_update(summary: Summary, method: str, stage: Stage, name: str) -> float:
    """A figure of the update of a method at a stage, mean over worlds; NaN where there is none."""
    values = [
        getattr(cells[method].updates[stage], name)
        for cells in summary.cells.values()
        if method in cells and stage in cells[method].updates
    ]
    return float(np.mean(values)) if values else float("nan")


def _world_cell(cell: Cell, method: str) -> TableCell:
    mark = {"better": "+", "worse": "−", "level": ""}[cell.clear]
    text = plain(float(np.mean(cell.mean))) + mark
    if method == REFERENCE:
        return TableCell(text)
    tone: Tone = "strong-good" if mark == "+" else "strong-bad" if mark else _tone(cell.difference)
    hint = f"against {REFERENCE} {with_ends(cell.difference)}, adjusted p {cell.p:.2g}, {cell.seeds} seeds"
    return TableCell(text, tone, hint)


def _tone(ends: Ends) -> Tone:
    return "good" if ends[1] > 0 else "bad" if ends[2] < 0 else ""


def _tone_of_counts(better: int, worse: int) -> Tone:
    return "good" if better > worse else "bad" if worse > better else ""
