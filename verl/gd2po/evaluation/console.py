"""Results in a terminal: numbers with their intervals, a table of scores, and the notes below it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gd2po.evaluation.results import SAMPLES, SUMMARY, Score, Summary


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The way in which scores of one unit are written.

    Attributes:
        scale: The factor before a number is written, such as 100 for percentages.
        digits: The number of digits after the point of a value.
        end_digits: The number of digits after the point of the ends of an interval; None for that of a value.
        suffix: The text after a value.
        dash: The text between the ends of an interval.
    """

    scale: float = 1
    digits: int = 2
    end_digits: int | None = None
    suffix: str = ""
    dash: str = "–"

    def value(self, score: Score) -> str:
        """The value of a score."""
        return f"{self.scale * score.value:.{self.digits}f}{self.suffix}"

    def interval(self, score: Score) -> str:
        """The ends of a score's interval; empty where none is known."""
        if score.low is None or score.high is None:
            return ""
        digits = self.digits if self.end_digits is None else self.end_digits
        return self.dash.join(f"{self.scale * end:.{digits}f}" for end in (score.low, score.high))


def with_line_below(text: str, below: str) -> Text:
    """A cell with a second line in weak colour; without one where it is empty."""
    return Text.assemble(text, (f"\n{below}", "dim")) if below else Text(text)


def score_table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str | None = None) -> Table:
    """A table without lines; numbers stand at the right, the labels of the first column at the left."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.title = None if title is None else Text(title, "bold")
    for position, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if position else "left")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def show_result(table: Table, summary: Summary, folder: Path, console: Console) -> None:
    """Print the table of an evaluation, its notes, and the files of its result."""
    console.print(table)
    for note in summary.notes:
        show_note(note, console)
    files = f"{folder}: {SAMPLES}, {SUMMARY} ({summary.seconds:.1f} s)"
    console.print(files, markup=False, highlight=False, soft_wrap=True)


def show_note(note: str, console: Console) -> None:
    """Print one remark below a table."""
    console.print(f"· {note}", markup=False, highlight=False)
