"""The command's root, its groups, and how it shows an error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich")
data = typer.Typer(no_args_is_help=True, help="Data sets: list, get, verify, prepare.")
model = typer.Typer(no_args_is_help=True, help="Small language models to start from: list, get.")
evaluate = typer.Typer(no_args_is_help=True, help="Benchmarks of a trained model.")
app.add_typer(data, name="data")
app.add_typer(model, name="model")
app.add_typer(evaluate, name="eval")

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Context settings of a command whose arguments go to another program unread."""


@app.callback()
def main() -> None:
    """Multi-reward reinforcement learning of language models: GRPO, GDPO and GD²PO in verl and TRL."""


@contextmanager
def refusals() -> Iterator[None]:
    """Show an error of ours as one red message and exit with 2; a traceback is for the others."""
    from gd2po.errors import GD2POError

    try:
        yield
    except (GD2POError, FileNotFoundError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


def until_interrupted(said: str) -> None:
    """Say what is served, wait for Ctrl-C, and end quietly."""
    try:
        typer.echo(said)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        typer.echo("closed")
