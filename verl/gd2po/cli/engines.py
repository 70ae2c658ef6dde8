"""The parts that all commands share in which a model answers: options of the engine, progress bar, interruption."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gd2po.evaluation.generation.choice import Engine, open_backend
from gd2po.evaluation.generation.contract import Decoding

if TYPE_CHECKING:
    from gd2po.evaluation.generation import Backend

OPENAI, TRANSFORMERS, VLLM = "Backend openai", "Backend transformers", "Backend vllm"

MaxTokens = Annotated[int, typer.Option(min=1, help="longest answer, in tokens")]
Context = Annotated[int, typer.Option(min=2, help="longest prompt and answer, in tokens; of a server, its own")]
Seed = Annotated[int, typer.Option(help="of the engine")]

_OPTIONS: dict[str, Any] = {
    "model": Annotated[
        str,
        typer.Option(help="folder or hub name of a Hugging Face model, checkpoint of a run, or a server's name for it"),
    ],
    "backend": Annotated[
        str | None,
        typer.Option(help="vllm, transformers or openai; by default what --base-url and the machine suggest"),
    ],
    "base_url": Annotated[str | None, typer.Option(help="such as http://127.0.0.1:8000/v1", rich_help_panel=OPENAI)],
    "concurrency": Annotated[int, typer.Option(min=1, help="requests under way", rich_help_panel=OPENAI)],
    "timeout": Annotated[float, typer.Option(min=1, help="seconds that one answer may take", rich_help_panel=OPENAI)],
    "api_key_env": Annotated[str, typer.Option(help="environment variable that holds the key", rich_help_panel=OPENAI)],
    "batch_tokens": Annotated[
        int, typer.Option(min=1, help="tokens of prompts and answers under way at once", rich_help_panel=TRANSFORMERS)
    ],
    "tensor_parallel": Annotated[int, typer.Option(min=1, help="GPUs that share the model", rich_help_panel=VLLM)],
    "gpu_memory": Annotated[
        float, typer.Option(min=0.05, max=1, help="share of each GPU's memory", rich_help_panel=VLLM)
    ],
    "trust_remote_code": Annotated[
        bool, typer.Option("--trust-remote-code", help="run Python code that the model brings")
    ],
}
"""The annotation of each field of :class:`gd2po.evaluation.generation.choice.Engine`, in the order of a help page."""

PUBLISHED = Decoding()
"""The defaults of the decoding."""


def takes_engine(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of every engine; it gets them as one argument, ``engine``.

    Args:
        without: The names of options that mean nothing to the command.
    """
    defaults = {field.name: field.default for field in fields(Engine)}
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if name == "model" else defaults[name],
            annotation=annotation,
        )
        for name, annotation in _OPTIONS.items()
        if name not in without
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter.replace(kind=parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name != "engine"
        ]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            command(engine=Engine(**{option.name: values.pop(option.name) for option in options}), **values)

        parameters = [*options[:3], *own, *options[3:]]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


@contextmanager
def answering(
    engine: Engine, decoding: Decoding, folder: Path, total: int
) -> "Iterator[tuple[Backend, Callable[[int, int], None]]]":
    """A loaded backend, and a progress bar's function for its answers; see :func:`interruptible`."""
    from rich.console import Console

    with Console().status("loading the engine …"):
        backend = open_backend(engine, decoding, folder)
    with interruptible(folder), backend, bar("answers", total) as on_progress:
        yield backend, on_progress


@contextmanager
def interruptible(folder: Path) -> Iterator[None]:
    """End with exit code 130 on Ctrl-C, and say that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {folder} keeps what is done, and the same command goes on", err=True)
        raise typer.Exit(130) from None


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Progress with counts; yields the function that takes the numbers of done and failed ones."""
    from rich import get_console

    from gd2po.progress import LONG_LINE_SECONDS, Progress

    with Progress(get_console(), LONG_LINE_SECONDS) as progress:  # of one console, so that bars stand below each other
        progress.begin(what, total)

        def update(done: int, failed: int) -> None:
            progress.update(done + failed, f"{what}, {failed} failed" if failed else what)

        yield update
