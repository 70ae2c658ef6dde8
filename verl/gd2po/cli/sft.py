"""The supervised warm start."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli.app import app, refusals

if TYPE_CHECKING:
    from rich.console import Console

    from gd2po.hosts.verl.launching.sft.warm_start import PreparedWarmStart


@app.command()
def sft(
    task: Annotated[str, typer.Argument(help="tool-calling")],
    model: Annotated[str, typer.Argument(help="Hugging Face folder or hub name")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra's, such as trainer.total_epochs=2")] = None,
    output: Annotated[
        Path | None, typer.Option(help="folder for the trained model", show_default="models/<model>-sft")
    ] = None,
    drop_long: Annotated[bool, typer.Option(help="leave out demonstrations that are too long, and list them")] = False,
) -> None:
    """Train MODEL on demonstrations before reinforcement learning: verl's SFT trainer, on all visible GPUs or on CPU.

    Settings are in TASK/sft.yaml over verl's sft_trainer_engine. On several nodes run it on each, with torchrun's own
    variables: PET_NNODES, PET_NODE_RANK, PET_MASTER_ADDR, PET_MASTER_PORT.
    """
    from rich.console import Console

    from gd2po.hosts.verl.logs import quiet

    quiet()
    console, destination = Console(), output or Path("models") / f"{Path(model).name}-sft"
    with refusals():
        with console.status("checking the demonstrations …"):
            from gd2po.hosts.verl.launching.sft.warm_start import prepare

            prepared = prepare(task, model, overrides or [], destination, drop_long=drop_long)
        _tell(prepared)
        _train(prepared, console)


def _tell(prepared: "PreparedWarmStart") -> None:
    rows, schedule, config = prepared.demonstrations, prepared.schedule, prepared.config
    for row in rows.left_out:
        typer.echo(f"left out demonstration {row}: longer than {rows.limit} tokens", err=True)
    typer.echo(
        f"{rows.rows} demonstrations of {rows.rows + len(rows.left_out)}, {rows.tokens:,} tokens; the loss is on "
        f"the {rows.answer_tokens:,} of their answers; longest {rows.longest:,} of at most {rows.limit:,}"
    )
    rest = f"; {schedule.left_over} are left over in each, others every time" if schedule.left_over else ""
    typer.echo(f"{schedule.updates} updates of {config.data.train_batch_size} in {schedule.epochs} epochs{rest}")


def _train(prepared: "PreparedWarmStart", console: "Console") -> None:
    from gd2po.hosts.verl.launching.sft.warm_start import train
    from gd2po.progress import LONG_LINE_SECONDS, Progress

    with Progress(console, LONG_LINE_SECONDS) as progress:
        progress.begin("starting verl", prepared.schedule.updates)

        def on_step(done: int, loss: float) -> None:
            progress.update(done, f"warm start, loss {loss:.3f}")

        try:
            trained = train(prepared, on_step)
        except KeyboardInterrupt:
            typer.echo("stopped; nothing of it is kept", err=True)
            raise typer.Exit(130) from None
    if trained.output is None:
        typer.echo("done; the model is on the node of rank 0")
        return
    typer.echo(f"mean loss {trained.first_loss:.3f} in the first epoch, {trained.last_loss:.3f} in the last")
    typer.echo(f"{trained.output}: ready for\n  bash scripts/train.sh {prepared.task} gd2po_hard {trained.output}")
