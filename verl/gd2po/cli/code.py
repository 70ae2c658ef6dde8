"""`gd2po eval code` and `gd2po toy-code`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli import engines, questions
from gd2po.cli.app import app, evaluate, refusals
from gd2po.data import DATASET_ROOT
from gd2po.evaluation.questions.task import EXCEED_TOKENS

if TYPE_CHECKING:
    from gd2po.evaluation.generation.choice import Engine


@evaluate.command("code")
@engines.takes_engine()
def code(
    engine: "Engine",
    sets: Annotated[
        str,
        typer.Option(
            help="humaneval, mbpp (its test part), or files of {problem, tests}; comma-separated",
            show_default="humaneval,mbpp",
        ),
    ] = "",
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path(DATASET_ROOT),
    sandbox_url: Annotated[
        str | None, typer.Option(help="SandboxFusion server where programs run", show_default="bubblewrap, here")
    ] = None,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="run programs of the model without a sandbox")] = False,
    samples: questions.Samples = 16,
    temperature: questions.Temperature = questions.TEMPERATURE,
    top_p: questions.TopP = questions.TOP_P,
    pass_at: questions.PassAt = "",
    exceed: questions.Exceed = EXCEED_TOKENS,
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/code_MODEL")] = None,
    max_tokens: engines.MaxTokens = questions.MAX_TOKENS,
    context: engines.Context = questions.CONTEXT,
    seed: engines.Seed = engines.PUBLISHED.seed,
    limit: questions.Limit = None,
) -> None:
    """Write programs for problems several times each, and run them on tests in a sandbox; the same command goes on
    where it was interrupted. The defaults of sampling are those of the GDPO paper."""
    from gd2po.evaluation.code.sets import BENCHMARK, DEFAULT, read_task
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.provenance import model_name
    from gd2po.rewards.coding import CodingOptions

    folder = output or Path("outputs/eval") / f"{BENCHMARK}_{model_name(engine.model)}"
    with refusals():
        decoding = Decoding(temperature, max_tokens, context, seed, top_p)
        task = read_task(
            data,
            questions.parse_names(sets) or DEFAULT,
            CodingOptions(sandbox_url=sandbox_url, unsafe=unsafe),
            samples=samples,
            at=questions.parse_numbers("--pass-at", pass_at),
            exceed=exceed,
            limit=limit,
        )
        questions.evaluate_questions(task, engine, decoding, folder, "Programming")


@app.command("toy-code")
def toy_code(
    folder: Annotated[Path, typer.Argument(help="the folder to make")],
    seed: Annotated[int, typer.Option(help="the seed of everything")] = 1,
) -> None:
    """Make a toy world of programs: tiny problems and a policy that knows them by half, to try all on CPU."""
    from rich.console import Console

    from gd2po.quickstart.worlds.programs import Sizes, make_toy_code

    console, sizes = Console(), Sizes()
    with refusals(), console.status("") as status:
        make_toy_code(folder, seed, sizes=sizes, on_progress=lambda what: status.update(f"making {what} …"))
    typer.echo(f"{folder}/train.parquet: {sizes.train_problems} problems")
    typer.echo(f"{folder}/test.parquet, test.jsonl: {sizes.test_problems} other problems")
    typer.echo(f"{folder}/policy: shown {sizes.demonstrations} programs, right, wrong and broken, short and long")
