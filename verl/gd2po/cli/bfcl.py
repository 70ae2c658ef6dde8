"""The Berkeley Function-Calling Leaderboard."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gd2po.cli import engines
from gd2po.cli.app import evaluate, refusals
from gd2po.evaluation.generation.contract import CONCURRENCY

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gd2po.evaluation.generation.choice import Engine
    from gd2po.evaluation.results import Summary

CONTEXT = 32_768
"""The longest prompt and answer together, in tokens: the longest prompts have about 84,000 characters."""


@evaluate.command("bfcl")
@engines.takes_engine("concurrency")  # threads say it
def bfcl(
    engine: "Engine",
    categories: Annotated[
        str, typer.Option(help="categories, or non_live, live, single_turn, multi_turn, all_offline; comma-separated")
    ],
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/bfcl_MODEL")] = None,
    system_prompt: Annotated[
        Path | None, typer.Option(help="wording that the model was trained on, with {tools}; default: gd2po's own")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="entries under way")] = CONCURRENCY,
    max_tokens: engines.MaxTokens = engines.PUBLISHED.max_tokens,
    context: engines.Context = CONTEXT,
    seed: engines.Seed = engines.PUBLISHED.seed,
) -> None:
    """Answer categories of BFCL greedily and judge them with its own evaluator; the same command goes on where it was
    interrupted."""
    from rich.console import Console

    from gd2po.evaluation.bfcl import run
    from gd2po.evaluation.bfcl.categories import CATEGORIES, parse_categories
    from gd2po.evaluation.console import show_result
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.provenance import model_name
    from gd2po.rewards.tool_calling.prompt import TEMPLATE

    folder = output or Path("outputs/eval") / f"{run.BENCHMARK}_{model_name(engine.model)}"
    decoding = Decoding(max_tokens=max_tokens, context=context, seed=seed)
    console = Console()
    with refusals():
        template = system_prompt.read_text(encoding="utf-8") if system_prompt else TEMPLATE
        task = run.BFCLTask(parse_categories(categories), template, threads)
        total = sum(CATEGORIES[category] for category in task.categories)
        server = run.Server(engine.base_url, engine.api_key_env, engine.timeout) if engine.base_url else None
        _prepare(console)
        with engines.answering(engine, decoding, folder, total) as (backend, on_progress):
            summary, samples = run.evaluate(task, backend, decoding, folder, server, on_progress)
    show_result(_table(summary, samples), summary, folder, console)


def _prepare(console: "Console") -> None:
    """Make BFCL's environment if it is missing, and print each step."""
    from gd2po.evaluation.bfcl.environment import ensure_environment

    with console.status("looking for BFCL's environment …") as status:

        def show(step: str) -> None:
            console.print(step, highlight=False, soft_wrap=True)
            status.update(f"{step} …")

        ensure_environment(show)


def _table(summary: "Summary", samples: Sequence[Mapping[str, Any]]) -> "Table":
    """A row per category, then one per part of BFCL that is complete."""
    from rich.text import Text

    from gd2po.evaluation.console import NumberFormat, score_table

    percent = NumberFormat(100, 2, 1)
    finishes = Counter((sample["category"], sample["finish"]) for sample in samples)
    categories = {sample["category"] for sample in samples}
    rows: list[list[str | Text]] = []
    for score in summary.scores:
        category, _, measure = score.name.partition("/")
        own = measure == "accuracy"
        counts = [str(finishes[category, finish]) for finish in ("error", "length")]
        rows.append([
            category if own else Text("  satisfiable entries", "dim"),
            str(score.count),
            "" if score.correct is None else str(score.correct),
            percent.value(score),
            percent.interval(score),
            *(counts if own and category in categories else ("", "")),
        ])  # fmt: skip
    title = f"BFCL (bfcl-eval {summary.version['bfcl-eval']}), {summary.model}"
    return score_table(("", "entries", "right", "accuracy %", "95 %", "failed", "cut"), rows, title)
