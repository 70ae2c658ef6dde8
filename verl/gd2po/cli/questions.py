"""The parts that all benchmarks of questions share: options of sampling, the run, the table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli import engines

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.generation.choice import Engine
    from gd2po.evaluation.questions.task import QuestionTask
    from gd2po.evaluation.results import Score, Summary

Samples = Annotated[int, typer.Option(min=1, help="responses to each question")]
Temperature = Annotated[float, typer.Option(min=0, help="0 is greedy, for one response to each question")]
TopP = Annotated[float, typer.Option(help="share of the probability from which a token is drawn")]
PassAt = Annotated[str, typer.Option("--pass-at", help="k of pass@k beside pass@1, comma-separated; 1 to SAMPLES")]
Exceed = Annotated[int, typer.Option(min=1, help="length beyond which a response counts as long, in tokens")]
Limit = Annotated[int | None, typer.Option(min=1, help="first questions of each set; marks the result incomplete")]

MAX_TOKENS, CONTEXT = 32_768, 36_864
"""The longest response of the GDPO paper's evaluation, and room for its prompt, in tokens."""

TEMPERATURE, TOP_P = 0.6, 0.95
"""The sampling of the GDPO paper's evaluation, which draws 16 responses to each question."""


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers between commas.

    Raises:
        SettingsError: A part is no number.
    """
    from gd2po.errors import SettingsError

    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingsError(f"{option} is {text!r}, expected numbers such as 4,16") from None


def parse_names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def evaluate_questions(task: "QuestionTask", engine: "Engine", decoding: "Decoding", folder: Path, title: str) -> None:
    """Let a model answer, judge, write the result and show it."""
    from rich.console import Console

    from gd2po.evaluation.console import show_result
    from gd2po.evaluation.questions.run import check_decoding, evaluate

    check_decoding(task, decoding)
    total = len(task.questions) * task.samples
    with (
        engines.answering(engine, decoding, folder, total) as (backend, on_progress),
        engines.bar("judged", total) as on_judged,
    ):
        summary, _ = evaluate(task, backend, decoding, folder, on_progress, on_judged)
    show_result(_table(summary, f"{title}, {summary.model}"), summary, folder, Console())


def _table(summary: "Summary", title: str) -> "Table":
    """A row per set and a column per measure; each number with its interval below."""
    from gd2po.evaluation.console import score_table

    scores = {score.name: score for score in summary.scores}
    groups = list(dict.fromkeys(name.rpartition("/")[0] for name in scores))
    measures = list(dict.fromkeys(name.rpartition("/")[2] for name in scores))
    rows: list[list[str | Text]] = [
        [group, *(_cell(scores.get(f"{group}/{measure}")) for measure in measures)] for group in groups
    ]
    return score_table(["", *measures], rows, title)


def _cell(score: "Score | None") -> "Text":
    from gd2po.evaluation.console import NumberFormat, with_line_below
    from gd2po.evaluation.results import SHARE

    if score is None:
        return with_line_below("–", "")
    number = NumberFormat(100 if score.unit == SHARE else 1, 1, 0)
    return with_line_below(number.value(score), number.interval(score))
