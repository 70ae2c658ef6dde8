"""What a run will do, before it starts."""

from typing import Annotated

import typer

from gd2po import defaults
from gd2po.cli.app import app, refusals


@app.command(context_settings={"ignore_unknown_options": True})
def plan(
    arguments: Annotated[
        list[str], typer.Argument(metavar="TASK METHOD MODEL [OVERRIDES]", help="as scripts/train.sh takes them")
    ],
    gpu_memory: Annotated[
        float | None,
        typer.Option(
            "--gpu-memory",
            min=1,
            help="GiB of each GPU",
            show_default=f"what is found here, or {defaults.PLAN_GPU_GIB}",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="write JSON instead")] = False,
) -> None:
    """Say what a run will do before it starts: placement, batches, steps, checkpoints, memory. Starts nothing.

    Instead of TASK METHOD MODEL also a composed YAML file: a run keeps one, --cfg job prints one.

    Exit code 2 when the run cannot work as it stands; every reason is named with its remedy.
    """
    from rich.console import Console

    from gd2po.hosts.verl.preflight.doctor import quiet

    quiet()
    with refusals():
        from gd2po.hosts.verl.preflight.gpus import planned_bytes
        from gd2po.hosts.verl.preflight.plan.composing import compose_run
        from gd2po.hosts.verl.preflight.plan.making import make_plan

        with Console(stderr=True).status("composing …"):
            made = make_plan(compose_run(arguments), planned_bytes(gpu_memory))
    if json:
        from gd2po.hosts.verl.preflight.plan.as_json import to_json

        typer.echo(to_json(made))
    else:
        from gd2po.hosts.verl.preflight.plan.terminal import show

        show(made, Console())
    if made.refusals:
        raise typer.Exit(2)
