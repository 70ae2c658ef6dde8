"""The ``gd2po`` command. Nothing heavy is imported before a command needs it."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.split(".")[0], rich_markup_mode="rich")

_PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.callback()
def main() -> None:
    """Multi-reward reinforcement learning of language models: GRPO, GDPO and GD²PO inside verl."""


@app.command()
def doctor() -> None:
    """Say what is installed, loaded and missing; exit code 1 when something is missing."""
    from rich.console import Console
    from rich.table import Table

    from gd2po.integration.doctor import examine, quiet

    console = Console()
    table = Table("", "", "", box=None, show_header=False)
    marks = {True: "[green]ok[/]", False: "[red]no[/]", None: ""}
    quiet()
    with console.status("importing verl …"):
        findings = list(examine())
    for finding in findings:
        table.add_row(marks[finding.ok], finding.name, finding.detail)
    console.print(table)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


@app.command(context_settings=_PASS_THROUGH)
def train(context: typer.Context) -> None:
    """Run verl's trainer with the plug-in proven to be in it; takes the arguments of verl.trainer.main_ppo."""
    from gd2po.errors import GD2POError
    from gd2po.integration.launch import launch

    try:
        launch(context.args)
    except GD2POError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


@app.command()
def quickstart(
    methods: Annotated[
        str, typer.Option(help="comma-separated: grpo, gdpo, gd2po_hard, gd2po_snr")
    ] = "gdpo,gd2po_hard",
    steps: Annotated[int, typer.Option(help="policy updates per method")] = 20,
    seed: Annotated[int, typer.Option(help="of data, warm start, rollouts and data order")] = 1,
    output: Annotated[Path, typer.Option(help="folder for data, policy, runs and plot")] = Path("outputs/quickstart"),
) -> None:
    """Train a tiny policy on three rewards with verl on CPU: minutes, no GPU, no download."""
    from gd2po.errors import GD2POError
    from gd2po.quickstart.run import run

    try:
        run(tuple(filter(None, methods.split(","))), steps, seed, output.resolve())
    except GD2POError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app()
