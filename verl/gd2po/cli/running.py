"""Commands that train, and the one that makes a small policy."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gd2po.cli.app import PASS_THROUGH, app, refusals

Host = Literal["verl", "trl"]
"""The trainer."""


@app.command(context_settings=PASS_THROUGH)
def train(
    context: typer.Context,
    host: Annotated[Host, typer.Option(help="the trainer")] = "verl",
) -> None:
    """Train with the arguments of verl.trainer.main_ppo: by verl, with the plug-in proven to be in it, or by TRL."""
    with refusals():
        if host == "trl":
            from gd2po.hosts.trl.launching import launch
        else:
            from gd2po.hosts.verl.launching.train import launch
        launch(context.args)


@app.command()
def quickstart(
    methods: Annotated[
        str,
        typer.Option(
            help="comma-separated: grpo, gdpo, gdpo_floored, gdpo_shrunk, gd2po_hard, gd2po_snr, gd2po_guard; "
            "gd2po_NAME with a filter of a plug-in"
        ),
    ] = "gdpo,gd2po_hard",
    model: Annotated[
        str,
        typer.Option(help="a name of `gd2po model list`, a folder, a name on a hub, tiny; auto: what this CPU can do"),
    ] = "auto",
    plugin: Annotated[list[str] | None, typer.Option(help="module or .py file with methods; repeat for more")] = None,
    steps: Annotated[
        int | None, typer.Option(help="training steps per method", show_default="as many as suit the model")
    ] = None,
    seed: Annotated[int, typer.Option(help="of data, warm start, rollouts and data order")] = 1,
    output: Annotated[Path, typer.Option(help="folder for data, policy, runs and plot")] = Path("outputs/quickstart"),
    host: Annotated[Host, typer.Option(help="the trainer; TRL needs an environment without verl")] = "verl",
) -> None:
    """Train a small language model, or on a slow CPU a tiny one, on three rewards with verl or TRL: minutes, no GPU."""
    from gd2po.quickstart.run import run

    with refusals():
        run(tuple(filter(None, methods.split(","))), steps, seed, output.resolve(), tuple(plugin or ()), model, host)


@app.command()
def tiny_model(
    demonstrations: Annotated[Path, typer.Argument(help="JSON list or JSON lines of {instruction, input, output}")],
    destination: Annotated[Path, typer.Argument(help="folder for the model and its tokenizer")],
    vocabulary: Annotated[int, typer.Option(help="tokens, trained on the demonstrations")] = 4096,
    hidden: Annotated[int, typer.Option(help="width, a multiple of 32")] = 128,
    layers: Annotated[int, typer.Option(help="transformer blocks")] = 3,
    context: Annotated[int, typer.Option(help="longest prompt and response together, in tokens")] = 4096,
    seed: Annotated[int, typer.Option(help="of the weights")] = 1,
) -> None:
    """Make a small Qwen2-type policy to try real data on CPU: random weights; `gd2po sft` trains it."""
    from gd2po.data.tool_calling import read_dialogues
    from gd2po.quickstart.policy import PolicySize, make_policy

    with refusals():
        weights = make_policy(
            read_dialogues(demonstrations), destination, PolicySize(vocabulary, hidden, layers, context), seed
        )
    made = f"{weights / 1e6:.1f} M random weights" if weights else "was there already and stays as it is"
    typer.echo(f"{destination}: {made}; next: gd2po sft tool-calling {destination}")
