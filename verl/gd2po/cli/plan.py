"""What a run will do, before it starts."""

from typing import Annotated

import typer

from gd2po.cli.app import app, refusals
from gd2po.hosts.verl.preflight.gpus import PLANNED_GIB, planned_bytes


@app.command(context_settings={"ignore_unknown_options": True})
def plan(
    arguments: Annotated[
        list[str], typer.Argument(metavar="TASK METHOD MODEL [OVERRIDES]", help="as scripts/train.sh takes them")
    ],
    gpu_memory: Annotated[
        float | None,
        typer.Option(min=1, help="GiB of each GPU", show_default=f"that of this machine's GPUs, or {PLANNED_GIB}"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="write JSON instead")] = False,
) -> None:
    """Say what a run will do before it starts: placement, batches, steps, checkpoints, memory. Starts nothing.

    A composed YAML file may stand for TASK METHOD MODEL: every run keeps one, --cfg job prints one.

    Exit code 2 when the run cannot work as it stands; every reason is named with its remedy.
    """
    from rich.console import Console

    from gd2po.hosts.verl.logs import quiet

    quiet()
    with refusals():
        from gd2po.hosts.verl.preflight.plan.composing import compose_run

        with Console(stderr=True).status("composing …"):
            config = compose_run(arguments)  # an error of ours where verl is missing, which the next line imports
            from gd2po.hosts.verl.preflight.plan.making import make_plan

            run_plan = make_plan(config, planned_bytes(gpu_memory))
    if json:
        typer.echo(run_plan.to_json())
    else:
        from gd2po.hosts.verl.preflight.plan.terminal import show

        show(run_plan, Console())
    if run_plan.refusals:
        raise typer.Exit(2)
