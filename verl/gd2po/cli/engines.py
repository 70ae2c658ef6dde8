"""What every command shares in which a model answers: its options, its progress bar, its server."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gd2po import defaults
from gd2po.cli.app import until_interrupted

if TYPE_CHECKING:
    from gd2po.evaluation.generation import Backend

OPENAI, TRANSFORMERS, VLLM = "Backend openai", "Backend transformers", "Backend vllm"

Model = Annotated[
    str, typer.Option(help="folder or hub name of a Hugging Face model, checkpoint of a run, or a server's name for it")
]
BackendName = Annotated[
    str | None,
    typer.Option("--backend", help="vllm, transformers or openai; by default what --base-url and the machine suggest"),
]
BaseURL = Annotated[
    str | None, typer.Option("--base-url", help="such as http://127.0.0.1:8000/v1", rich_help_panel=OPENAI)
]
ApiKeyEnv = Annotated[str, typer.Option(help="environment variable that holds the key", rich_help_panel=OPENAI)]
Concurrency = Annotated[int, typer.Option(min=1, help="requests under way", rich_help_panel=OPENAI)]
Timeout = Annotated[float, typer.Option(min=1, help="seconds that one answer may take", rich_help_panel=OPENAI)]
BatchTokens = Annotated[int, typer.Option(min=1, help="tokens in one padded batch", rich_help_panel=TRANSFORMERS)]
TensorParallel = Annotated[int, typer.Option(min=1, help="GPUs that share the model", rich_help_panel=VLLM)]
GPUMemory = Annotated[
    float, typer.Option("--gpu-memory", min=0.05, max=1, help="share of each GPU's memory", rich_help_panel=VLLM)
]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="run Python code that the model brings")]
MaxTokens = Annotated[int, typer.Option(min=1, help="longest answer, in tokens")]
Context = Annotated[int, typer.Option(min=2, help="longest prompt and answer, in tokens; of a server, its own")]
Seed = Annotated[int, typer.Option(help="of the engine")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="to listen on; 0 takes a free one")]


def answer_bar(total: int) -> AbstractContextManager[Callable[[int, int], None]]:
    """:func:`bar` of a model's answers."""
    return bar("answers", total)


def takes_engine(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of every engine; it gets them as one argument, ``engine``.

    Args:
        without: names of those that mean nothing to the command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = [one for one in inspect.signature(_options).parameters.values() if one.name not in without]
        own = [one for one in inspect.signature(command).parameters.values() if one.name != "engine"]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            from gd2po.evaluation.generation.choice import Engine

            command(engine=Engine(**{option.name: values.pop(option.name) for option in options}), **values)

        shown = [one.replace(kind=one.KEYWORD_ONLY) for one in (*options[:3], *own, *options[3:])]
        vars(run)["__signature__"] = inspect.Signature(shown)
        run.__annotations__ = {one.name: one.annotation for one in shown}
        return run

    return decorate


def _options(
    model: Model,
    backend: BackendName = None,
    base_url: BaseURL = None,
    concurrency: Concurrency = defaults.EVAL_CONCURRENCY,
    timeout: Timeout = defaults.EVAL_TIMEOUT,
    api_key_env: ApiKeyEnv = defaults.EVAL_API_KEY_ENV,
    batch_tokens: BatchTokens = defaults.EVAL_BATCH_TOKENS,
    tensor_parallel: TensorParallel = defaults.EVAL_TENSOR_PARALLEL,
    gpu_memory: GPUMemory = defaults.EVAL_GPU_MEMORY,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """What a user can say about the engine, see :class:`gd2po.evaluation.generation.choice.Engine`."""


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with counts; yields what to call with the numbers of those that are done and that failed."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(what, total=total, failed="")

        def update(done: int, failed: int) -> None:
            progress.update(task, completed=done + failed, failed=f"[red]{failed} failed[/]" if failed else "")

        yield update


def serve_until_interrupted(backend: "Backend", port: int) -> None:
    """Serve on this machine, say how it is reached, and end quietly on Ctrl-C."""
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.generation.serving import serve

    with backend, serve(backend, Decoding(), port=port) as url:
        until_interrupted(f"model {backend.describe()['model']} at {url}, until Ctrl-C")
