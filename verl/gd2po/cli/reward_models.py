"""``gd2po convert-reward-model`` and ``gd2po toy-safety``."""

from pathlib import Path
from typing import Annotated

import typer

from gd2po.cli.app import app, refusals


@app.command("convert-reward-model")
def convert_reward_model(
    source: Annotated[Path, typer.Argument(help="folder of a SafeRLHF or align-anything checkpoint")],
    destination: Annotated[Path, typer.Argument(help="the folder to make")],
    head: Annotated[
        str, typer.Option(help="name of the head's weight: one linear layer, read at the last token")
    ] = "score_head.weight",
) -> None:
    """Make a reward model with a score_head loadable: the sequence classification of vLLM, SGLang and transformers."""
    from gd2po.rewards.models.files.conversion import convert

    with refusals():
        report = convert(source, destination, head)
    lines = [("written anew", report.rewritten), ("hard-linked", report.linked), ("copied", report.copied)]
    lines += [("kept", report.kept), ("left out, tensors", report.dropped), ("left out, files", report.left_out)]
    typer.echo(f"{destination}: {report.architecture}, was {report.was}")
    for treatment, names in lines:
        if names:
            typer.echo(f"  {treatment:17} {len(names):3}: {', '.join(names)}")


@app.command("toy-safety")
def toy_safety(
    folder: Annotated[Path, typer.Argument(help="the folder to make")],
    seed: Annotated[int, typer.Option(help="the seed of everything")] = 1,
) -> None:
    """Make a toy world of helpfulness and safety: prompts, a policy and four reward models, to try all on CPU."""
    from rich.console import Console
    from rich.table import Table

    from gd2po.quickstart.worlds.safety_folder import make_toy_safety

    console = Console()
    with refusals(), console.status("") as status:
        facts = make_toy_safety(folder, seed, on_progress=lambda what: status.update(f"making {what} …"))
    sizes, held_out = facts["sizes"], facts["held_out_accuracy"]
    table = Table("", "what it is", "kind", "direction", "held out", box=None, title=str(folder), title_justify="left")
    table.add_row("train.parquet", f"{sizes['train_prompts']} prompts, half of them risky")
    table.add_row("test.parquet", f"{sizes['test_prompts']} prompts, of goals not in train")
    table.add_row("policy", f"shown {sizes['demonstrations']} answers")
    for name, what, kind, direction in _MODELS:
        table.add_row(name, what, kind, direction, f"{held_out[name]:.1%}")
    console.print(table)
    pairs = facts["training"]["held_out"]
    console.print(f"held out: judged right of {pairs} pairs of answers to prompts of test")


_MODELS = (
    ("helpful", "more is more helpful", "scalar", "maximize"),
    ("harmless", "more is safer", "scalar", "maximize"),
    ("cost", "harmless, negated", "scalar", "minimize"),
    ("guard", "says safe or unsafe", "guard", "minimize"),
)
