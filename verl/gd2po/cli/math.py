"""`gd2po eval math` and `gd2po toy-math`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli import engines, questions
from gd2po.cli.app import app, evaluate, refusals
from gd2po.data import DATASET_ROOT
from gd2po.evaluation.questions.task import EXCEED_TOKENS

if TYPE_CHECKING:
    from gd2po.evaluation.generation.choice import Engine


@evaluate.command("math")
@engines.takes_engine()
def math(
    engine: "Engine",
    sets: Annotated[
        str,
        typer.Option(
            help="gsm8k, math500, aime22_24, aime24, aime25, amc22_23, amc23, minerva_math, olympiadbench, or files of "
            "{problem, answer}; comma-separated",
            show_default="all, without aime24 and amc23, which two others hold",
        ),
    ] = "",
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path(DATASET_ROOT),
    wording: Annotated[str, typer.Option(help="box or tags: how the prompt asks for the answer")] = "box",
    samples: questions.Samples = 16,
    temperature: questions.Temperature = questions.TEMPERATURE,
    top_p: questions.TopP = questions.TOP_P,
    pass_at: questions.PassAt = "",
    exceed: questions.Exceed = EXCEED_TOKENS,
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/math_MODEL")] = None,
    max_tokens: engines.MaxTokens = questions.MAX_TOKENS,
    context: engines.Context = questions.CONTEXT,
    seed: engines.Seed = engines.PUBLISHED.seed,
    limit: questions.Limit = None,
) -> None:
    """Answer problems of mathematics several times each, and judge the answers; the same command goes on where it was
    interrupted. The defaults are those of the GDPO paper."""
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.math.sets import BENCHMARK, DEFAULT, read_task
    from gd2po.evaluation.provenance import model_name

    folder = output or Path("outputs/eval") / f"{BENCHMARK}_{model_name(engine.model)}"
    with refusals():
        decoding = Decoding(temperature, max_tokens, context, seed, top_p)
        task = read_task(
            data,
            questions.parse_names(sets) or DEFAULT,
            wording=wording,
            samples=samples,
            at=questions.parse_numbers("--pass-at", pass_at),
            exceed=exceed,
            limit=limit,
        )
        questions.evaluate_questions(task, engine, decoding, folder, "Mathematics")


@app.command("toy-math")
def toy_math(
    folder: Annotated[Path, typer.Argument(help="the folder to make")],
    seed: Annotated[int, typer.Option(help="the seed of everything")] = 1,
) -> None:
    """Make a toy world of arithmetic: one-step problems and a policy that answers in every way, to try all on CPU."""
    from rich.console import Console

    from gd2po.quickstart.worlds.arithmetic import Sizes, make_toy_math

    console, sizes = Console(), Sizes()
    with refusals(), console.status("") as status:
        make_toy_math(folder, seed, sizes=sizes, on_progress=lambda what: status.update(f"making {what} …"))
    typer.echo(f"{folder}/train.parquet: {sizes.train_problems} problems")
    typer.echo(f"{folder}/test.parquet, test.jsonl: {sizes.test_problems} other problems")
    typer.echo(
        f"{folder}/policy: shown {sizes.demonstrations} answers, right and wrong, long and short, tagged and not"
    )
