"""The table and the plot at the end of a quickstart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gd2po.quickstart.plan import REWARDS, TEST_ROLLOUTS, TEST_ROWS
from gd2po.runs.process import Step

if TYPE_CHECKING:
    from rich.table import Table

Results = Mapping[str, Sequence[Step]]
"""Config name of a method → the steps that it logged."""

_VALIDATION = f"val-aux/rlla/{{}}/mean@{TEST_ROLLOUTS}"
_PANELS = {f"reward/{name}/mean": name for name in REWARDS} | {
    "conflict/rate": "rollouts in conflict",
    "conflict/masked": "rollouts masked",
    "response_length/mean": "response tokens",
}


def table(results: Results, titles: Mapping[str, str]) -> "Table":
    """Each reward on the test prompts before → after, conflicts and masking over training, and training time.

    Args:
        results: the logged steps of each method.
        titles: method → its name in the table.
    """
    from rich.table import Table

    title = f"{TEST_ROLLOUTS} sampled answers to each of {TEST_ROWS} test prompts, before → after"
    shown = Table(
        "", *REWARDS, "conflict", "masked", "time", title=title, box=None, padding=(0, 2, 0, 0), pad_edge=False
    )
    for column in shown.columns:
        column.justify = "right" if column.header else "left"
    for method, steps in results.items():
        training = [step["data"] for step in steps if step["step"] > 0]
        scores = [_before_after(steps, name) for name in REWARDS]
        conflict, masked = (_mean(training, name) for name in ("conflict/rate", "conflict/masked"))
        seconds = sum(step["timing_s/step"] for step in training)
        shown.add_row(titles[method], *scores, f"{conflict:.0%}", f"{masked:.0%}", f"{seconds:.0f} s")
    return shown


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


def _before_after(steps: Sequence[Step], reward: str) -> str:
    values = [step["data"][_VALIDATION.format(reward)] for step in steps if _VALIDATION.format(reward) in step["data"]]
    return f"{values[0]:.2f} → {values[-1]:.2f}"


def _mean(steps: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(step[name] for step in steps) / len(steps)
