"""Several nodes: wait for them, submit a job to them, follow the job."""

import sys
from typing import Annotated

import typer

from gd2po.cli.app import app, refusals

cluster = typer.Typer(no_args_is_help=True, help="Several nodes: the steps of scripts/cluster.sh.")
app.add_typer(cluster, name="cluster")

Dashboard = Annotated[str, typer.Option(help="address of Ray's dashboard on the head", envvar="RAY_API_SERVER_ADDRESS")]
_HERE = "http://127.0.0.1:8265"


@cluster.command()
def wait(
    nodes: Annotated[int, typer.Option(min=1, help="nodes that a run needs")],
    gpus_per_node: Annotated[int, typer.Option(min=1, help="GPUs that each of them must have")],
    timeout: Annotated[float, typer.Option(help="seconds")],
    names: Annotated[str, typer.Option(help="comma-separated names or addresses, to tell which one is missing")] = "",
    process: Annotated[int | None, typer.Option(help="give up when this local process ends")] = None,
    dashboard: Dashboard = _HERE,
) -> None:
    """Wait until the cluster has these nodes with their GPUs; exit code 2 when the time is over."""
    import psutil

    from gd2po.hosts.verl.preflight.nodes import ExpectedNodes, wait_for_nodes

    expected = ExpectedNodes(nodes, gpus_per_node, tuple(filter(None, names.split(","))))
    with refusals():
        present = wait_for_nodes(
            dashboard, expected, timeout, typer.echo, lambda: process is None or psutil.pid_exists(process)
        )
    typer.echo(f"all nodes are there: {', '.join(map(str, present))}")


@cluster.command(context_settings={"ignore_unknown_options": True})
def submit(
    command: Annotated[list[str], typer.Argument(help="program and arguments, after --")], dashboard: Dashboard = _HERE
) -> None:
    """Hand a command to the cluster as a Ray job and print the job's id."""
    from gd2po.hosts.verl.launching.jobs import submit as submit_job

    with refusals():
        typer.echo(submit_job(dashboard, command))


@cluster.command()
def follow(job: Annotated[str, typer.Argument(help="id of the job")], dashboard: Dashboard = _HERE) -> None:
    """Show the output of a job until it ends, and exit with its exit code. Ctrl-C leaves the job running."""
    from gd2po.hosts.verl.launching.jobs import follow as follow_job

    with refusals():
        try:
            code = follow_job(dashboard, job, lambda text: typer.echo(text, nl=False))
        except KeyboardInterrupt:
            typer.echo(f"\njob {job} runs on; gd2po cluster follow {job} shows it again", err=True)
            code = 130
    sys.exit(code)
