"""API-Bank."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gd2po.cli import engines
from gd2po.cli.app import evaluate, refusals

if TYPE_CHECKING:
    from rich.table import Table

    from gd2po.evaluation.generation.choice import Engine
    from gd2po.evaluation.results import Summary

_COLUMNS = {
    "strict": "strict",
    "published": "published",
    "training_format": "training\nformat",
    "published_format": "published\nformat",
    "length": "length",
    "think_words": "think\nwords",
}
"""The heading of each measure in the table. Other measures are in the summary."""


@evaluate.command("api-bank")
@engines.takes_engine()
def api_bank(
    engine: "Engine",
    levels: Annotated[str, typer.Option(help="of 1, 2 and 3, comma-separated")] = "1,2,3",
    data: Annotated[Path, typer.Option(help="folder with the processed files")] = Path("dataset/api_bank"),
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/api-bank_MODEL")] = None,
    max_tokens: engines.MaxTokens = engines.PUBLISHED.max_tokens,
    context: engines.Context = engines.PUBLISHED.context,
    seed: engines.Seed = engines.PUBLISHED.seed,
    limit: Annotated[
        int | None, typer.Option(min=1, help="first items of each level; marks the result incomplete")
    ] = None,
) -> None:
    """Answer and score API-Bank greedily; the same command goes on where it was interrupted."""
    from rich.console import Console

    from gd2po.evaluation.api_bank import run
    from gd2po.evaluation.console import show_result
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.provenance import model_name

    folder = output or Path("outputs/eval") / f"{run.BENCHMARK}_{model_name(engine.model)}"
    decoding = Decoding(max_tokens=max_tokens, context=context, seed=seed)
    with refusals():
        task = run.read_task(data, _levels(levels), limit)
        with engines.answering(engine, decoding, folder, len(task.items)) as (backend, on_progress):
            summary, samples = run.evaluate(task, backend, decoding, folder, on_progress)
    show_result(_table(summary, samples), summary, folder, Console())


def _levels(text: str) -> list[int]:
    from gd2po.errors import SettingsError

    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise SettingsError(f"levels is {text!r}, expected numbers such as 1,2,3") from None


def _table(summary: "Summary", samples: Sequence[Mapping[str, Any]]) -> "Table":
    """A row per level and over all; each number with its interval below."""
    from rich.text import Text

    from gd2po.evaluation.console import NumberFormat, score_table, with_line_below

    formats = {"share": NumberFormat(100, 1, 0), "score": NumberFormat(1, 2), "words": NumberFormat(1, 1, 0)}
    scores = {score.name: score for score in summary.scores}
    finishes = Counter((f"lv{sample['level']}", sample["finish"]) for sample in samples)
    rows: list[list[str | Text]] = []
    for group in dict.fromkeys(name.partition("/")[0] for name in scores):
        of_group = [scores[f"{group}/{measure}"] for measure in _COLUMNS]
        cells = [
            with_line_below(formats[score.unit].value(score), formats[score.unit].interval(score)) for score in of_group
        ]
        rows.append([group, *cells, *(_count(finishes, group, finish) for finish in ("error", "length"))])
    return score_table(["", *_COLUMNS.values(), "failed", "cut"], rows, f"API-Bank, {summary.model}")


def _count(finishes: Mapping[tuple[str, str], int], group: str, finish: str) -> str:
    if group == "macro":
        return ""
    return str(sum(count for (level, how), count in finishes.items() if how == finish and group in (level, "micro")))
