"""The comparison of methods in a terminal."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gd2po.lab import trained_story
from gd2po.lab.parts import Table
from gd2po.lab.summary import Summary
from gd2po.lab.tables import overview

_STYLES = {"good": "green", "bad": "red", "strong-good": "bold green", "strong-bad": "bold red", "": ""}


def show(summary: Summary, console: Console) -> None:
    """Print the differences of each method to GDPO, over both sets of worlds and in the trainings of each setup."""
    for trained in summary.trained:
        if trained.cells:
            console.print(f"Trainings: {trained_story.setup_title(trained.setup)}", style="bold")
            console.print(_rich(trained_story.differences(trained, "difference")))
    if not summary.tasks:
        return
    console.print(_rich(overview(summary)))
    console.print(
        "Differences of the weighted mean of the gold rewards to gdpo, mean over worlds with 95 % interval; better / "
        "worse: worlds in which a method differs clearly, after Holm's correction.",
        style="dim",
    )


def _rich(table: Table) -> RichTable:
    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    columns = [place for place, head in enumerate(table.heads) if head != "largest loss"]
    for place in columns:
        shown.add_column(table.heads[place], justify="right" if place else "left", no_wrap=place == 0)
    for row in table.rows:
        shown.add_row(*(Text(row[place].text.strip("`"), style=_STYLES[row[place].tone]) for place in columns))
    return shown
