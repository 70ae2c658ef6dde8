"""Results side by side."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gd2po.cli.app import app, refusals


@app.command()
def leaderboard(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR…", help="result folders, or folders that contain some")],
    markdown: Annotated[Path | None, typer.Option(help="write Markdown to this file, - for the output")] = None,
    html: Annotated[Path | None, typer.Option(help="write one self-contained page to this file")] = None,
) -> None:
    """Compare results of `gd2po eval`, with 95 % intervals; in the terminal unless a file is asked for."""
    from gd2po.evaluation.leaderboard import build_tables, find_results, show, to_html, to_markdown

    with refusals():
        collected = find_results(folders)
    for reason in collected.left_out:
        typer.secho(f"left out: {reason}", fg="yellow", err=True)
    tables = build_tables(collected.results)
    if markdown:
        _write(markdown, to_markdown(tables))
    if html:
        _write(html, to_html(tables))
    if not (markdown or html):
        from rich.console import Console

        show(tables, Console())


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"{path}: written", err=True)
