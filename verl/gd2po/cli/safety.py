"""`gd2po eval safety` and `gd2po eval reward-model`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gd2po.cli import engines
from gd2po.cli.app import evaluate, refusals
from gd2po.data import DATASET_ROOT

if TYPE_CHECKING:
    from rich.table import Table

    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.generation.choice import Engine
    from gd2po.evaluation.results import Score, Summary
    from gd2po.evaluation.safety.comparison import Baseline
    from gd2po.evaluation.safety.pairs import Accuracy
    from gd2po.evaluation.safety.task import Answers, SafetyTask

PROMPT_TOKENS = 512
"""The longest prompt in tokens, as published; of a longer dialogue the earliest turns are dropped."""

MAX_TOKENS = 1024
"""The longest answer in tokens, as published."""

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
    ] = PROMPT_TOKENS,
    max_tokens: engines.MaxTokens = MAX_TOKENS,
    seed: engines.Seed = engines.PUBLISHED.seed,
    limit: Annotated[
        int | None, typer.Option(min=1, help="first prompts of each data source; marks the result incomplete")
    ] = None,
) -> None:
    """Answer validation prompts greedily and score them with every reward model; the same command goes on where it was
    interrupted."""
    from rich.console import Console

    from gd2po.evaluation.console import show_result
    from gd2po.evaluation.generation import Decoding
    from gd2po.evaluation.provenance import model_name
    from gd2po.evaluation.safety.comparison import read_baseline
    from gd2po.evaluation.safety.declared import read_rewards
    from gd2po.evaluation.safety.items import checksums, find_files, read_items
    from gd2po.evaluation.safety.run import BENCHMARK, check_baseline
    from gd2po.evaluation.safety.task import SafetyTask

    folder = output or Path("outputs/eval") / f"{BENCHMARK}_{model_name(engine.model)}"
    decoding = Decoding(max_tokens=max_tokens, context=max_prompt + max_tokens, seed=seed)
    with refusals():
        declared = read_rewards(rewards, reward_path or ())
        files = find_files(data or [Path(DATASET_ROOT)])
        items, total = read_items(files, limit)
        task = SafetyTask(items, total, checksums(files), declared)
        baseline = read_baseline(against) if against else None
        if baseline:
            check_baseline(task, baseline, decoding, folder)
        with engines.interruptible(folder):
            answers = _answer(task, engine, decoding, tokenizer, folder)
            summary = _score(task, answers, folder, baseline)
    show_result(_result_table(summary), summary, folder, Console())


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

    from gd2po.evaluation.console import show_note
    from gd2po.evaluation.safety.declared import read_rewards
    from gd2po.evaluation.safety.pairs import judge, read_pairs

    folder = output or Path("outputs/eval") / f"reward-model_{pairs.stem}"
    accuracies = []
    with refusals():
        declared = read_rewards(rewards, reward_path or ())
        different, equal = read_pairs(pairs, limit)
        for name, reward in declared.models.items():
            with engines.interruptible(folder), engines.bar(name, 2 * len(different)) as on_progress:
                accuracies.append(judge(name, reward, different, folder, on_progress))
    console = Console()
    console.print(_accuracy_table(accuracies))
    if equal:
        show_note(f"{equal} pairs with two equal responses are left out", console)
    if declared.left_out:
        show_note(f"left out, since no model gives them: {', '.join(declared.left_out)}", console)


def _answer(
    task: "SafetyTask", engine: "Engine", decoding: "Decoding", tokenizer: str | None, folder: Path
) -> "Answers":
    from rich.console import Console

    from gd2po.evaluation.generation.choice import choose
    from gd2po.evaluation.generation.local_model import find_model
    from gd2po.evaluation.safety.fitting import load_fitter
    from gd2po.evaluation.safety.run import answer_items

    local = choose(engine) != "openai"
    with Console().status("loading the tokenizer …"):
        fit = load_fitter(
            tokenizer or (find_model(engine.model) if local else engine.model),
            decoding.context - decoding.max_tokens,
            engine.trust_remote_code,
        )
    with engines.answering(engine, decoding, folder, len(task.items)) as (backend, on_progress):
        return answer_items(task, fit, backend, decoding, folder, on_progress)


def _score(task: "SafetyTask", answers: "Answers", folder: Path, baseline: "Baseline | None") -> "Summary":
    from gd2po.evaluation.safety.run import score, write_result

    scores = {}
    for name in task.rewards.models:
        with engines.bar(name, len(task.items)) as on_progress:
            scores[name] = score(task, answers, name, folder, on_progress)
    summary, _ = write_result(task, answers, scores, folder, baseline)
    return summary


_BETTER: Mapping[int, str] = {1: "higher is better", -1: "lower is better", 0: ""}


def _result_table(summary: "Summary") -> "Table":
    """A row per measure and a column per data source; each number with its interval and samples below."""
    from rich.text import Text

    from gd2po.evaluation.console import NumberFormat, score_table, with_line_below

    raw = NumberFormat(1, 3, dash=" to ")
    formats = {
        "share": NumberFormat(100, 1, suffix=" %", dash=" to "),
        "tokens": NumberFormat(1, 1, dash=" to "),
        "reward": raw,
        "difference": raw,
    }

    by_measure: dict[str, dict[str, Score]] = {}
    for score in summary.scores:
        group, _, measure = score.name.partition("/")
        by_measure.setdefault(measure, {})[group] = score
    groups = list(dict.fromkeys(score.name.partition("/")[0] for score in summary.scores))

    def cell(score: "Score | None") -> Text:
        if score is None:
            return Text("–")
        number = formats[score.unit]
        return with_line_below(
            number.value(score), ", ".join(filter(None, (number.interval(score), f"n={score.count:,}")))
        )

    rows = [
        [
            with_line_below(measure, _BETTER[next(iter(scores.values())).sign]),
            *(cell(scores.get(group)) for group in groups),
        ]
        for measure, scores in by_measure.items()
    ]
    return score_table(["", *groups], rows, f"Helpfulness and safety, {summary.model}")


def _accuracy_table(accuracies: "Sequence[Accuracy]") -> "Table":
    """A row per reward model."""
    from gd2po.evaluation.console import score_table

    rows = []
    for accuracy in accuracies:
        value, low, high = (f"{100 * number:.1f}" for number in accuracy.right)
        counts = (accuracy.ties, accuracy.pairs, accuracy.not_scored)
        rows.append([accuracy.reward, f"{value} %", f"{low}–{high}", *map(str, counts)])
    return score_table(("reward", "prefers the better", "95 %", "ties", "pairs", "not scored"), rows)
