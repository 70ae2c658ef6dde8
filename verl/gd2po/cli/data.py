"""Commands about data."""

from pathlib import Path
from typing import Annotated

import typer

from gd2po.cli.app import data, refusals


@data.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="JSON list or JSON lines of {instruction, input, output}")],
    destination: Annotated[Path, typer.Argument(help="the .parquet file to write")],
    split: Annotated[str, typer.Option(help="name of the split, kept in each row")] = "train",
    drop_bad: Annotated[bool, typer.Option(help="leave out rows that cannot be trained on, and list them")] = False,
) -> None:
    """Turn tool-calling dialogues into the parquet rows verl trains on; every row is checked."""
    from gd2po.data.tool_calling import prepare as convert

    with refusals():
        report = convert(source, destination, split=split, drop_bad=drop_bad)
    for problem in report.dropped:
        typer.echo(f"left out {problem}", err=True)
    typer.echo(
        f"{report.destination}: {report.written} of {report.read} rows "
        f"({report.tools} tool calls, {report.answers} answers, {report.both} both)"
    )
