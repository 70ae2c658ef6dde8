"""The method lab: small exact worlds, and the page that is made of results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import app, refusals
from gd2po.cli.running import Host

if TYPE_CHECKING:
    from torch import Tensor

    from gd2po.lab.worlds.world import World

lab = typer.Typer(no_args_is_help=True, help="Every method compared: in small exact worlds, in the real trainer.")
app.add_typer(lab, name="lab")


@lab.command()
def worlds(
    worlds: Annotated[str, typer.Option(help="worlds, a,b; all if not given")] = "",
    methods: Annotated[str, typer.Option(help="methods, a,b; all if not given")] = "",
    seeds: Annotated[int, typer.Option(help="number of seeds", min=2)] = 20,
    held_out: Annotated[bool, typer.Option("--held-out", help="only the held-out worlds")] = False,
    processes: Annotated[int | None, typer.Option(help="worlds at a time; the number of cores if not given")] = None,
    output: Annotated[Path, typer.Option(help="folder of results; what is there is not run again")] = Path(
        "outputs/lab"
    ),
) -> None:
    """Run methods in small worlds whose expected rewards are exact; the same command goes on where it stopped."""
    from gd2po.lab.methods import find_methods
    from gd2po.lab.running import run_worlds
    from gd2po.lab.worlds import find_worlds

    with refusals():
        chosen = find_worlds(_names(worlds), held_out)
        usable = []
        for method in find_methods(_names(methods)):
            if reason := method.contradiction():
                typer.echo(f"{method.name} is left out: {reason}", err=True)
            else:
                usable.append(method)
        seed_numbers = tuple(range(seeds))
        steps = run_worlds(chosen, usable, seed_numbers, output, verdict=checked_method, processes=processes)
        for progress in steps:
            left = "" if progress.left is None else f", about {_minutes(progress.left)} left"
            typer.echo(
                f"{progress.done} of {progress.total} results, {_minutes(progress.seconds)}{left}  {progress.latest}",
                err=True,
            )
    typer.echo(f"{output}: {progress.total} results; next: gd2po lab page {output}")


@lab.command()
def runs(
    host: Annotated[Host | None, typer.Option(help="the trainer; verl where it is installed, else TRL")] = None,
    model: Annotated[
        str, typer.Option(help="tiny, a name of `gd2po model list`, a folder, or a name on a hub")
    ] = "tiny",
    tasks: Annotated[str, typer.Option(help="tasks, a,b; all if not given")] = "",
    methods: Annotated[str, typer.Option(help="methods, a,b; the most telling ones if not given")] = "",
    seeds: Annotated[int, typer.Option(help="number of seeds", min=1)] = 5,
    steps: Annotated[
        int | None, typer.Option(help="training steps; as many as suit the task if not given", min=1)
    ] = None,
    hours: Annotated[float, typer.Option(help="no training is started that would end later")] = 1.0,
    output: Annotated[Path, typer.Option(help="folder of results; what is there is not run again")] = Path(
        "outputs/lab"
    ),
) -> None:
    """Train a policy with every method in a real trainer, which takes TRL half a minute and verl two minutes each; the
    same command goes on where it stopped."""
    from importlib.metadata import distributions

    from gd2po.lab.results import Setup
    from gd2po.lab.trainings import plan_trainings, run_trainings
    from gd2po.quickstart.models import resolve_model

    with refusals():
        if host is None:
            host = "verl" if any(package.name == "verl" for package in distributions()) else "trl"
        start = resolve_model(model, lambda text: typer.echo(text, err=True))
        if host == "trl":
            from gd2po.lab.by_trl import device_name
            from gd2po.lab.by_trl import train_by_trl as train

            device = device_name()
        else:
            from gd2po.lab.by_verl import DEVICE as device
            from gd2po.lab.by_verl import train_by_verl as train
        setup = Setup(host=host, model=Path(start).name, device=device)
        typer.echo(f"{setup.host} trains {setup.model} on {setup.device}", err=True)
        trainings = plan_trainings(_names(tasks), _names(methods), seeds, setup, start, steps)
        for training, outcome in run_trainings(trainings, output, hours, train):
            typer.echo(f"{training.name} {outcome}", err=True)


@lab.command()
def page(
    results: Annotated[list[Path], typer.Argument(help="folders of results, or summaries of them, put together")],
    html: Annotated[Path | None, typer.Option(help="write one self-contained page to this file")] = None,
    document: Annotated[Path | None, typer.Option(help="write the same as Markdown to this file")] = None,
    summary: Annotated[Path | None, typer.Option(help="write what both are made of to this file")] = None,
) -> None:
    """Compare results: a table here, and the page, the document and the summary where a file is named for them."""
    from rich.console import Console

    from gd2po.files import write_whole
    from gd2po.lab.page import read_summary, to_html, to_json, to_markdown
    from gd2po.lab.terminal import show

    with refusals():
        read = read_summary(*results)
    show(read, Console())
    for path, render in ((summary, to_json), (document, to_markdown), (html, to_html)):
        if path:
            write_whole(path, render(read))
            typer.echo(f"{path}: written", err=True)


def checked_method(world: "World", scores: "Tensor", groups: "Tensor") -> str:
    """The method of the lab that the verdict of `gd2po check` suggests for these rollouts.

    Args:
        world: The world, which names the rewards and their weights.
        scores: The observed scores [K, N].
        groups: The group of each rollout [N].
    """
    import numpy as np
    import yaml

    from gd2po.insight.check.examine import measure
    from gd2po.insight.check.rollouts import Account, Rollouts
    from gd2po.insight.check.verdict import judge
    from gd2po.lab.methods import METHODS

    names = world.rewards
    evidence = measure(
        Rollouts(
            names=names,
            scores=scores.double().numpy(),
            groups=groups.numpy(),
            lengths=np.ones(len(groups), dtype=np.int64),
            sources=None,
            source_names=(),
            weights=dict(zip(names, world.reward_weights, strict=True)),
            directions=dict.fromkeys(names, "maximize"),
            account=Account((), len(groups), 0, (), 0, 0, "group", False, "", (), ()),
        ),
        taus=(0.2, 0.5, 0.8),
    )
    suggested = yaml.safe_load(judge(evidence).suggestion)["algorithm"]
    parts = {name: choice for name, choice in suggested["gd2po"].items() if name != "rewards"}
    settings = {"estimator": suggested["adv_estimator"], **parts}
    return next(method.name for method in METHODS.values() if method.settings == settings)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
