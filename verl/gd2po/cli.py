"""The ``gd2po`` command. Nothing heavy is imported before a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.split(".")[0], rich_markup_mode="rich")


@contextmanager
def _refusals() -> Iterator[None]:
    """Show an error of ours as one red message and exit with 2; a traceback is for the others."""
    from gd2po.errors import GD2POError

    try:
        yield
    except (GD2POError, FileNotFoundError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


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
    from gd2po.integration.launch import launch

    with _refusals():
        launch(context.args)


@app.command()
def quickstart(
    methods: Annotated[
        str, typer.Option(help="comma-separated: grpo, gdpo, gd2po_hard, gd2po_snr")
    ] = "gdpo,gd2po_hard",
    steps: Annotated[int, typer.Option(help="training steps per method")] = 16,
    seed: Annotated[int, typer.Option(help="of data, warm start, rollouts and data order")] = 1,
    output: Annotated[Path, typer.Option(help="folder for data, policy, runs and plot")] = Path("outputs/quickstart"),
) -> None:
    """Train a tiny policy on three rewards with verl on CPU: minutes, no GPU, no download."""
    from gd2po.quickstart.run import run

    with _refusals():
        run(tuple(filter(None, methods.split(","))), steps, seed, output.resolve())


data = typer.Typer(no_args_is_help=True, help="Training data: prepare and check.")
app.add_typer(data, name="data")


@data.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="JSON list or JSON lines of {instruction, input, output}")],
    destination: Annotated[Path, typer.Argument(help="the .parquet file to write")],
    split: Annotated[str, typer.Option(help="name of the split, kept in each row")] = "train",
    drop_bad: Annotated[bool, typer.Option(help="leave out rows that cannot be trained on, and list them")] = False,
) -> None:
    """Turn tool-calling dialogues into the parquet rows verl trains on; every row is checked."""
    from gd2po.data.tool_calling import prepare as convert

    with _refusals():
        report = convert(source, destination, split=split, drop_bad=drop_bad)
    for problem in report.dropped:
        typer.echo(f"left out {problem}", err=True)
    typer.echo(
        f"{report.destination}: {report.written} of {report.read} rows "
        f"({report.tools} tool calls, {report.answers} answers, {report.both} both)"
    )


@app.command()
def tiny_model(
    demonstrations: Annotated[Path, typer.Argument(help="JSON list or JSON lines of {instruction, input, output}")],
    destination: Annotated[Path, typer.Argument(help="folder for the model and its tokenizer")],
    vocabulary: Annotated[int, typer.Option(help="tokens, trained on the demonstrations")] = 4096,
    hidden: Annotated[int, typer.Option(help="width, a multiple of 32")] = 128,
    layers: Annotated[int, typer.Option(help="transformer blocks")] = 3,
    context: Annotated[int, typer.Option(help="longest prompt and response together, in tokens")] = 3072,
    epochs: Annotated[float, typer.Option(help="passes over the demonstrations")] = 1.0,
    seed: Annotated[int, typer.Option(help="of the weights and of the order of demonstrations")] = 1,
) -> None:
    """Make a small Qwen2-type policy from scratch, warm-started on demonstrations, to try real data on CPU."""
    from rich.progress import Progress

    from gd2po.data.tool_calling import read_dialogues
    from gd2po.quickstart.policy import PolicySize, build_policy

    size = PolicySize(vocabulary, hidden, layers, context, epochs, batch=4)
    with _refusals(), Progress() as progress:
        task = progress.add_task("supervised warm start", total=1.0)
        build_policy(
            read_dialogues(demonstrations),
            destination,
            size,
            seed,
            lambda share: progress.update(task, completed=share),
        )
    typer.echo(f"{destination}: ready for actor_rollout_ref.model.path")


if __name__ == "__main__":
    app()
