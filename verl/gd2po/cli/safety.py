"""`gd2po eval safety` and `gd2po eval reward-model`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po import defaults
from gd2po.cli import engines
from gd2po.cli.app import evaluate, refusals
from gd2po.cli.safety_tables import accuracy_table, result_table
from gd2po.data import DATASET_ROOT

if TYPE_CHECKING:
    from rich.console import Console

    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.generation.choice import Engine
    from gd2po.evaluation.results import Summary
    from gd2po.evaluation.safety.comparison import Rival
    from gd2po.evaluation.safety.task import Answers, Task

RewardsFile = Annotated[
    Path, typer.Option("--rewards", help="YAML or JSON with the rewards of a training, or its gd2po_settings.json")
]
RewardPath = Annotated[
    list[str] | None, typer.Option("--reward-path", metavar="NAME=PATH", help="where a reward's model lies")
]


@evaluate.command("safety")
@engines.takes_engine()
def safety(
    engine: "Engine",
    rewards: RewardsFile,
    reward_path: RewardPath = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="folder of the data sets, or files of prompts; default: dataset"),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="result folder of a second model to compare with")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/safety_MODEL")] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="folder or hub name; of a server whose name for the model is neither")
    ] = None,
    max_prompt: Annotated[
        int, typer.Option(min=1, help="longest prompt, in tokens; of a longer one the earliest turns are dropped")
    ] = defaults.SAFETY_PROMPT_TOKENS,
    max_tokens: engines.MaxTokens = defaults.SAFETY_MAX_TOKENS,
    seed: engines.Seed = defaults.EVAL_SEED,
    limit: Annotated[
        int | None, typer.Option(min=1, help="first prompts of each data source; marks the result incomplete")
    ] = None,
) -> None:
    """Answer validation prompts greedily and score them with every reward model; the same command goes on where it was
    interrupted."""
    from rich.console import Console

    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.provenance import model_name
    from gd2po.evaluation.safety.comparison import read_rival
    from gd2po.evaluation.safety.declared import read_rewards
    from gd2po.evaluation.safety.items import checksums, find_files, read_items
    from gd2po.evaluation.safety.run import BENCHMARK, check_rival
    from gd2po.evaluation.safety.task import Task

    folder = output or Path("outputs/eval") / f"{BENCHMARK}_{model_name(engine.model)}"
    decoding = Decoding(max_tokens=max_tokens, context=max_prompt + max_tokens, seed=seed)
    console = Console()
    with refusals():
        declared = read_rewards(rewards, reward_path or ())
        files = find_files(data or [Path(DATASET_ROOT)])
        items, total = read_items(files, limit)
        task = Task(items, total, checksums(files), declared)
        rival = read_rival(against) if against else None
        if rival:
            check_rival(task, rival, decoding, folder)
        with _interruptible(folder):
            answers = _answer(task, engine, decoding, tokenizer, folder, console)
            summary = _score(task, answers, folder, rival)
    console.print(result_table(summary))
    for note in summary.notes:
        console.print(f"· {note}", highlight=False, markup=False)
    console.print(
        f"{folder}: samples.jsonl, summary.json ({summary.seconds:.1f} s)",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@evaluate.command("reward-model")
def reward_model(
    rewards: RewardsFile,
    pairs: Annotated[Path, typer.Option(help="JSON list of {prompt, response_0, response_1, better_response_id}")],
    reward_path: RewardPath = None,
    output: Annotated[Path | None, typer.Option(help="default: outputs/eval/reward-model_PAIRS")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="first pairs")] = None,
) -> None:
    """Share of preference pairs in which each reward model prefers the better response."""
    from rich.console import Console

    from gd2po.evaluation.safety.declared import read_rewards
    from gd2po.evaluation.safety.pairs import judge, read_pairs

    folder = output or Path("outputs/eval") / f"reward-model_{pairs.stem}"
    found = []
    with refusals():
        declared = read_rewards(rewards, reward_path or ())
        different, equal = read_pairs(pairs, limit)
        for name, reward in declared.models.items():
            with _interruptible(folder), engines.bar(name, 2 * len(different)) as on_progress:
                found.append(judge(name, reward, different, folder, on_progress))
    console = Console()
    console.print(accuracy_table(found))
    if equal:
        console.print(f"· {equal} pairs with two equal responses are left out", highlight=False)
    if declared.left_out:
        console.print(f"· left out, since no model gives them: {', '.join(declared.left_out)}", markup=False)


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {folder} keeps what is done, and the same command goes on", err=True)
        raise typer.Exit(130) from None


def _answer(
    task: "Task", engine: "Engine", decoding: "Decoding", tokenizer: str | None, folder: Path, console: "Console"
) -> "Answers":
    from gd2po.evaluation.generation.choice import choose, open_backend
    from gd2po.evaluation.generation.model_folder import find_model
    from gd2po.evaluation.safety.fitting import load_fitter
    from gd2po.evaluation.safety.run import answer_items

    local = choose(engine) != "openai"
    with console.status("loading the engine …"):
        fit = load_fitter(
            tokenizer or (find_model(engine.model) if local else engine.model),
            decoding.context - decoding.max_tokens,
            engine.trust_remote_code,
        )
        backend = open_backend(engine, decoding, folder)
    with backend, engines.answer_bar(len(task.items)) as on_progress:
        return answer_items(task, fit, backend, decoding, folder, on_progress)


def _score(task: "Task", answers: "Answers", folder: Path, rival: "Rival | None") -> "Summary":
    from gd2po.evaluation.safety.run import score, write_result

    scores = {}
    for name in task.rewards.models:
        with engines.bar(name, len(task.items)) as on_progress:
            scores[name] = score(task, answers, name, folder, on_progress)
    summary, _ = write_result(task, answers, scores, folder, rival)
    return summary
