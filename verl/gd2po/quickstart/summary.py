"""The table and the plot at the end of a quickstart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gd2po.quickstart.outcome import Change, Outcome
from gd2po.quickstart.plan import REWARDS, TEST_ROLLOUTS, Plan
from gd2po.runs.process import Step

if TYPE_CHECKING:
    from rich.table import Table

Results = Mapping[str, Sequence[Step]]
"""Config name of a method → the steps that it logged."""

_PANELS = {f"reward/{name}/mean": name for name in REWARDS} | {
    "conflict/rate": "rollouts in conflict",
    "conflict/masked": "rollouts masked",
    "response_length/mean": "response tokens",
}


def table(results: Results, outcomes: Mapping[str, Outcome], plan: Plan) -> "Table":
    """Each reward before → after, with the interval of the change, and conflicts, masking and time of the training.

    Args:
        results: The logged steps of each method.
        outcomes: What the training with each method changed, of those whose answers were saved; the others have no
            intervals.
        plan: What was trained.
    """
    from rich.table import Table

    title = "mean scores before → after (±: 95 % interval of the change, over prompts)"
    shown = Table(
        "", "answers to prompts", *REWARDS, "conflict", "masked", "time", title=title, box=None, padding=(0, 2, 0, 0),
        pad_edge=False,
    )  # fmt: skip
    for column in shown.columns[2:]:
        column.justify = "right"
    for method, steps in results.items():
        training = [step["data"] for step in steps if step["step"] > 0]
        conflict, masked = (_mean(training, name) for name in ("conflict/rate", "conflict/masked"))
        seconds = sum(step["timing_s/step"] for step in training)
        costs = f"{conflict:.0%}", f"{masked:.0%}", f"{seconds:.0f} s"
        if method in outcomes:
            test, sampled = ([str(changes[name]) for name in REWARDS] for changes in _changes(outcomes[method]))
            shown.add_row(plan.titles[method], f"greedy, {plan.sizes.test_rows} test", *test, *costs)
            shown.add_row("", "sampled, training", *sampled)
        else:
            test = [f"{_validated(steps[0], name):.2f} → {_validated(steps[-1], name):.2f}" for name in REWARDS]
            answers = f"{TEST_ROLLOUTS} sampled, {plan.sizes.test_rows} test"
            shown.add_row(plan.titles[method], answers, *test, *costs)
    return shown


def examples(outcome: Outcome) -> str:
    """Three test prompts with the answers before and after: those whose scores rose most, in the middle and least."""
    last = len(outcome.examples) - 1
    chosen = [outcome.examples[position] for position in sorted({0, last // 2, last})]
    return "\n".join(
        f"{example.prompt}\n  before  {_one_line(example.before)}\n  after   {_one_line(example.after)}"
        for example in chosen
    )


def plot(results: Results, titles: Mapping[str, str], path: Path) -> None:
    """Curves over training, one panel per quantity, one line per method; `titles` are the methods' names."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(2, 3, figsize=(11, 6), layout="constrained", sharex=True)
    for axis, (metric, title) in zip(axes.flat, _PANELS.items(), strict=True):
        for method, steps in results.items():
            points = [(step["step"], step["data"][metric]) for step in steps if metric in step["data"]]
            axis.plot(*zip(*points, strict=True), label=titles[method], linewidth=1.8)
        axis.set_title(title)
        axis.grid(alpha=0.25)
    for axis in axes[1]:
        axis.set_xlabel("step")
        axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(results))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _changes(outcome: Outcome) -> tuple[Mapping[str, Change], Mapping[str, Change]]:
    return outcome.test, outcome.training


def _validated(step: Step, reward: str) -> float:
    return float(step["data"][f"val-aux/rlla/{reward}/mean@{TEST_ROLLOUTS}"])


def _one_line(text: str) -> str:
    return " ⏎ ".join(text.strip().splitlines())


def _mean(steps: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(step[name] for step in steps) / len(steps)
