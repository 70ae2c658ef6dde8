"""What the document says of trainings in a real trainer: tables, and sentences that follow from the figures."""

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from gd2po.lab import tables
from gd2po.lab.methods import REFERENCE
from gd2po.lab.outcomes import Cell, Ends
from gd2po.lab.parts import Table, TableCell, plain, with_ends
from gd2po.lab.results import Setup
from gd2po.lab.summary import Summary
from gd2po.lab.trained import Trained

FEW = 5
"""The number of seeds below which the document says how few there are."""

Direction = Literal["better", "worse", "not told apart"]
_SAME: Direction = "not told apart"

_HOSTS = {"trl": "TRL", "verl": "verl"}


def setup_title(setup: Setup) -> str:
    """A setup in words: ``TRL, the tiny policy, CPU``."""
    model = "the tiny policy" if setup.model == "tiny" else setup.model
    return f"{_HOSTS[setup.host]}, {model}, {setup.device}"


def direction(ends: Ends) -> Direction:
    """Whether a method differs from the reference beyond its interval."""
    return "better" if ends[1] > 0 else "worse" if ends[2] < 0 else _SAME


def in_worlds(summary: Summary, method: str) -> Ends | None:
    """The mean difference of a method over all worlds; None where there is none."""
    values = tables.differences(summary, method, summary.tasks)
    return tables.over(values) if values else None


def in_short(summary: Summary) -> Iterator[str]:
    """For each setup: which methods did what they did in the worlds, and which did not; and what equal time changes."""
    for trained in summary.trained:
        if not trained.overall:
            continue
        by_rollouts = _grouped((_beside(summary, *item), *item) for item in trained.overall.items())
        by_time = _grouped((_alone(ends), method, ends) for method, ends in trained.overall_equal_time.items())
        yield (
            f"**In a real trainer** ({setup_title(trained.setup)}; {_tasks(trained)}, {_seeds(trained)}), mean "
            f"differences to `{REFERENCE}` after as many rollouts: {by_rollouts}. **After as much time**, in which a "
            f"method that drops rows makes more steps: {by_time}."
        )


def _grouped(told: Iterable[tuple[str, str, Ends]]) -> str:
    """What is told of methods, with their differences; those that are not told apart last, without."""
    groups: dict[str, list[str]] = {}
    for group, method, ends in told:
        groups.setdefault(group, []).append(f"`{method}`" + ("" if group.startswith(_SAME) else f" {with_ends(ends)}"))
    told_first = sorted(groups.items(), key=lambda item: item[0].startswith(_SAME))
    return "; ".join(f"{group}: {', '.join(methods)}" for group, methods in told_first)


def _alone(ends: Ends) -> str:
    seen = direction(ends)
    return f"{seen} from `{REFERENCE}`" if seen == _SAME else seen


def _beside(summary: Summary, method: str, ends: Ends) -> str:
    """What a difference says, and whether the worlds say the same."""
    seen, worlds = direction(ends), in_worlds(summary, method)
    if seen == _SAME or worlds is None:
        return _alone(ends)
    expected = direction(worlds)
    if seen == expected:
        return f"{seen}, as in the worlds"
    return f"{seen}, **against the worlds**, where it is {expected}"


def of_method(summary: Summary, method: str) -> str:
    """A sentence of what trainings say of a method, with a space before it; nothing where there are none."""
    parts = [
        f"{with_ends(trained.overall[method])} at equal rollouts, "
        f"{with_ends(trained.overall_equal_time[method])} at equal time ({setup_title(trained.setup)})"
        for trained in summary.trained
        if method in trained.overall
    ]
    return f" In trainings its mean difference is {', '.join(parts)}." if parts else ""


def contradictions(summary: Summary, recommended: str, discouraged: Collection[str]) -> Iterator[str]:
    """Items for the list of decisions: the methods of which the trainings of a setup say the opposite."""
    for trained in summary.trained:
        for measure, overall in (("rollouts", trained.overall), ("time", trained.overall_equal_time)):
            against: dict[Direction, list[str]] = {}
            for method, ends in overall.items():
                told = direction(ends)
                if (told == "worse" and method == recommended) or (told == "better" and method in discouraged):
                    against.setdefault(told, []).append(f"`{method}` by {with_ends(ends)}")
            for told, methods in against.items():
                yield (
                    f"**Against this list**: in trainings ({setup_title(trained.setup)}), at equal {measure}, {told} "
                    f"than `{REFERENCE}` was {', '.join(methods)}."
                )


def parts(summary: Summary) -> Iterator["str | tuple[str, ...] | Table"]:
    """The section: what is compared, and for each setup its tables."""
    yield (
        "Trainings by `gd2po lab runs`. Data, warm start, order of the prompts and seed of the rollouts are the same "
        "for all methods of a seed. The compared value is the mean of the rewards in a validation (64 test prompts, 4 "
        "sampled answers each, 2 of `programs`), each reward over its range: 6 for the correctness of tool calls, 12 "
        "for the scores of the reward models of `safety`, which lie between about −6 and 6, 1 for the others. "
        "Intervals are 95 % by Student's t over seeds, without a correction for the number of comparisons; "
        "bold: p < 0.05 after Holm's, and a mean difference of .001 or more."
    )
    yield (
        "*Equal rollouts*: after the last step, when all methods have generated as many.",
        "*Equal time*: at the time at which the faster of the two ended its training, between validations by linear "
        "interpolation. Time is that of generation, rewards and updates, without validations; for the tiny policy on "
        "a CPU it is processor time of one thread. Rows that a filter drops cost nothing in the update; how "
        "much that is worth depends on the share of updates in a step, which is large on a CPU.",
        "The number of steps and the learning rate of each task were chosen by what `gdpo` learned, before another "
        "method was run on it.",
    )
    for trained in summary.trained:
        yield f"**{setup_title(trained.setup)}**: {_how_many(trained)}. What `{REFERENCE}` learns, start → end:"
        yield _courses(trained)
        if not trained.cells:
            yield f"Two seeds of `{REFERENCE}` and of another method are needed for a comparison."
            continue
        yield f"Difference to `{REFERENCE}` at equal rollouts:"
        yield differences(trained, "difference")
        yield f"At equal time{_noise_of_time(trained)}:"
        yield differences(trained, "equal_time")
        yield "Each reward at the end, in the order of the list above:"
        yield _ends_of_rewards(trained)


def _noise_of_time(trained: Trained) -> str:
    """Names the methods that changed nothing, whose differences at equal time are noise."""
    same = [f"`{method}`" for method, ends in trained.overall.items() if ends == (0, 0, 0)]
    if not same:
        return ""
    return f" ({', '.join(same)} ended as `{REFERENCE}`, so what differs in that row is the noise of the measured time)"


def _tasks(trained: Trained) -> str:
    return f"{len(trained.cells)} tasks" if len(trained.cells) > 1 else f"the task {next(iter(trained.cells))}"


def _seeds(trained: Trained) -> str:
    counts = _counts(trained)
    return _number(counts[0]) if len(counts) == 1 else f"{counts[0]} to {_number(counts[-1])}"


def _counts(trained: Trained) -> list[int]:
    """The numbers of seeds that occur, the least first."""
    cells = [cell.seeds for methods in trained.cells.values() for cell in methods.values()]
    return sorted(set(cells or [course.seeds for course in trained.courses.values()]))


def _number(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _how_many(trained: Trained) -> str:
    few = _counts(trained)[0] < FEW
    return f"{_seeds(trained)}{f', fewer than {FEW}: read the intervals with care' if few else ''}"


def _courses(trained: Trained) -> tuple[str, ...]:
    items = []
    for task in trained.tasks:
        course = trained.courses[task.name]
        learned = ", ".join(f"{name} {plain(gold[0], 2)} → {plain(gold[-1], 2)}" for name, gold in course.gold.items())
        items.append(
            f"`{task.name}` ({task.summary}; {task.settings.get('steps')} steps, {course.rollouts:.0f} rollouts, "
            f"{course.elapsed:.0f} s): {learned}."
        )
    return tuple(items)


def differences(trained: Trained, measure: Literal["difference", "equal_time"]) -> Table:
    """One row for each method: its differences to the reference in each task, and their mean."""
    overall = trained.overall if measure == "difference" else trained.overall_equal_time
    rows, usual = [], _counts(trained)[-1]
    for method in _methods(trained):
        cells = [TableCell(f"`{method}`")]
        for methods in trained.cells.values():
            cells.append(_difference(methods[method], measure, usual) if method in methods else TableCell("–"))
        mean = overall.get(method)
        rows.append((*cells, TableCell(with_ends(mean) if mean else "–")))
    return Table(("method", *trained.cells, "mean over the tasks"), tuple(rows))


def _difference(cell: Cell, measure: Literal["difference", "equal_time"], usual_seeds: int) -> TableCell:
    ends: Ends | None = getattr(cell, measure)
    if ends is None:
        return TableCell("–")
    text = with_ends(ends)
    if cell.seeds != usual_seeds:
        text += f", {_number(cell.seeds)}"
    clear = cell.clear if measure == "difference" else "level"
    if clear != "level":
        return TableCell(text, "strong-good" if clear == "better" else "strong-bad")
    told = direction(ends)
    return TableCell(text, "good" if told == "better" else "bad" if told == "worse" else "")


def _ends_of_rewards(trained: Trained) -> Table:
    rows = []
    for method in (REFERENCE, *_methods(trained)):
        cells = [TableCell(f"`{method}`")]
        for methods in trained.cells.values():
            gold = methods[method].gold if method in methods else []
            cells.append(TableCell(" / ".join(plain(value, 2) for value in gold) or "–"))
        rows.append(tuple(cells))
    return Table(("method", *trained.cells), tuple(rows))


def _methods(trained: Trained) -> list[str]:
    """The methods beside the reference, each in a task or more."""
    return list(dict.fromkeys(name for methods in trained.cells.values() for name in methods if name != REFERENCE))
