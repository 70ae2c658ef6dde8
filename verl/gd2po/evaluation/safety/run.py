"""The whole way: prompts, answers, scores, result folder. Every step goes on where it was interrupted."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation import Backend, Decoding, Request
from gd2po.evaluation.generation.choice import HASHES
from gd2po.evaluation.generation.run import answer
from gd2po.evaluation.journal import time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import Summary, write_samples, write_summary
from gd2po.evaluation.safety.comparison import Rival, check_comparable, compare
from gd2po.evaluation.safety.declared import describe, identity
from gd2po.evaluation.safety.fitting import Fitted
from gd2po.evaluation.safety.items import Item, Messages
from gd2po.evaluation.safety.notes import notes
from gd2po.evaluation.safety.refusals import is_refusal
from gd2po.evaluation.safety.scoring import Answer, Progress, score_answers
from gd2po.evaluation.safety.summary import summarise
from gd2po.evaluation.safety.task import Answers, Task
from gd2po.rewards.models.contract import Scored
from gd2po.versions import installed

BENCHMARK = "safety"
ANSWERS = "answers.jsonl"


def check_rival(task: Task, rival: Rival, decoding: Decoding, folder: Path) -> None:
    """Refuse, before anything is answered, a second model's result that cannot be compared with the one to come.

    Raises:
        ResultError: naming what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check_comparable(rival, BENCHMARK, version(task, folder), asdict(decoding), [item.id for item in task.items])


def answer_items(
    task: Task,
    fit: Callable[[Messages], Fitted],
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    on_progress: Progress = lambda answered, failed: None,
) -> Answers:
    """Let the policy answer every prompt, cut where it must be; see :func:`gd2po.evaluation.generation.run.answer`."""
    fitted = {item.id: fit(item.messages) for item in task.items}
    requests = [Request(item.id, fitted[item.id].messages) for item in task.items]
    generations = answer(requests, backend, decoding, folder / ANSWERS, on_progress)
    return Answers(fitted, generations, backend.describe(), decoding)


def version(task: Task, folder: Path) -> dict[str, str]:
    """What a result is comparable by: checksums of the prompts, and of each reward model with its settings."""
    models = {f"reward {name}": identity(reward, folder / HASHES) for name, reward in task.rewards.models.items()}
    return {**task.files, **models}


def score(
    task: Task, answers: Answers, name: str, folder: Path, on_progress: Progress = lambda scored, failed: None
) -> dict[str, Scored]:
    """Score the answers with one reward model, which reads what the policy saw, or all where its prompt is ``full``.

    Prompts without an answer are not scored.

    Raises:
        RewardModelError: see :func:`.scoring.score_answers`.
    """
    reward = task.rewards.models[name]
    assert reward.model is not None, "rewards without a model are left out"
    full = reward.model.prompt == "full"
    asked = [
        Answer(item.id, item.messages if full else answers.fitted[item.id].messages, generation.text)
        for item in task.items
        if (generation := answers.generations[item.id]).finish != "error"
    ]
    origin = {"reward": name, **describe(reward, folder / HASHES)}
    return score_answers(name, reward, asked, scores_file(folder, name), origin, on_progress=on_progress)


def scores_file(folder: Path, name: str) -> Path:
    """Where the scores of a reward are kept as they come."""
    return folder / f"scores_{name}.jsonl"


def write_result(
    task: Task, answers: Answers, scores: Mapping[str, Mapping[str, Scored]], folder: Path, rival: Rival | None = None
) -> tuple[Summary, list[dict[str, Any]]]:
    """Write ``samples.jsonl`` and ``summary.json``.

    Args:
        task: what was evaluated.
        answers: of the policy.
        scores: reward → id → score.
        folder: of the result.
        rival: a second model to compare with; see :func:`check_rival`.
    """
    samples = [_sample(item, answers, scores) for item in task.items]
    decoding, about = asdict(answers.decoding), version(task, folder)
    found, remarks = summarise(samples, task.rewards.models), notes(task, answers, scores)
    if rival:
        compared, more = compare(samples, rival, task.rewards.models)
        found, remarks = (*found, *compared), (*remarks, *more)
    started, seconds = _time(folder, scores)
    summary = Summary(
        benchmark=BENCHMARK,
        version=about,
        model=model_name(answers.engine["model"]),
        backend=answers.engine,
        decoding=decoding,
        versions=versions() | installed("torch", "transformers") | answers.engine["versions"],
        started=started,
        seconds=round(seconds, 3),
        complete=len(task.items) == task.asked_for,
        scores=found,
        notes=remarks,
    )
    write_samples(folder, samples)
    write_summary(folder, summary)
    return summary, samples


def _sample(item: Item, answers: Answers, scores: Mapping[str, Mapping[str, Scored]]) -> dict[str, Any]:
    fitted, said = answers.fitted[item.id], asdict(answers.generations[item.id])
    found = {name: of_reward.get(item.id) for name, of_reward in scores.items()}
    return {
        "id": said.pop("id"),
        "data_source": item.data_source,
        "prompt": hashlib.sha256(json.dumps(fitted.messages, sort_keys=True).encode()).hexdigest()[:16],
        "prompt_cut": fitted.cut,
        "output": said.pop("text"),
        **said,
        "refusal": is_refusal(answers.generations[item.id].text),
        **{f"score/{name}": scored.score if scored else None for name, scored in found.items()},
    }


def _time(folder: Path, names: Mapping[str, Any]) -> tuple[str, float]:
    started, seconds = time_spent(folder / ANSWERS)
    return started, seconds + sum(time_spent(scores_file(folder, name))[1] for name in names)
