"""Helpfulness and safety from prompts to a result folder. Every step goes on where it was interrupted."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation import Backend, Decoding, GenerationRequest
from gd2po.evaluation.generation.choice import HASHES
from gd2po.evaluation.generation.run import ANSWERS, Progress, answer, no_progress
from gd2po.evaluation.journal import time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import Summary
from gd2po.evaluation.results import write_result as write
from gd2po.evaluation.safety.comparison import Baseline, check_comparable, compare
from gd2po.evaluation.safety.declared import describe, identity
from gd2po.evaluation.safety.fitting import Fitted
from gd2po.evaluation.safety.items import Messages, SafetyPrompt
from gd2po.evaluation.safety.notes import notes
from gd2po.evaluation.safety.scoring import AnswerToScore, score_answers
from gd2po.evaluation.safety.summary import BENCHMARK, is_refusal, summarise
from gd2po.evaluation.safety.task import Answers, SafetyTask
from gd2po.rewards.models.contract import Scored
from gd2po.versions import installed


def check_baseline(task: SafetyTask, baseline: Baseline, decoding: Decoding, folder: Path) -> None:
    """Refuse, before anything is answered, a second model's result that cannot be compared with the one to come.

    Raises:
        ResultError: The results differ in the conditions that the message names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check_comparable(baseline, BENCHMARK, version(task, folder), decoding.describe(), [item.id for item in task.items])


def answer_items(
    task: SafetyTask,
    fit: Callable[[Messages], Fitted],
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    on_progress: Progress = no_progress,
) -> Answers:
    """Let the policy answer every prompt, cut where it must be; see :func:`gd2po.evaluation.generation.run.answer`."""
    fitted = {item.id: fit(item.messages) for item in task.items}
    requests = [GenerationRequest(item.id, fitted[item.id].messages) for item in task.items]
    generations = answer(requests, backend, decoding, folder / ANSWERS, on_progress)
    return Answers(fitted, generations, backend.describe(), decoding)


def version(task: SafetyTask, folder: Path) -> dict[str, str]:
    """The conditions of comparable results: checksums of the prompts, and of each reward model with its settings."""
    models = {f"reward {name}": identity(reward, folder / HASHES) for name, reward in task.rewards.models.items()}
    return {**task.files, **models}


def score(
    task: SafetyTask, answers: Answers, name: str, folder: Path, on_progress: Progress = no_progress
) -> dict[str, Scored]:
    """Score the answers with one reward model, which reads what the policy saw, or all where its prompt is ``full``.

    Prompts without an answer are not scored.

    Raises:
        RewardModelError: See :func:`.scoring.score_answers`.
    """
    reward = task.rewards.models[name]
    assert reward.model is not None, "rewards without a model are left out"
    full = reward.model.prompt == "full"
    to_score = [
        AnswerToScore(item.id, item.messages if full else answers.fitted[item.id].messages, generation.text)
        for item in task.items
        if (generation := answers.generations[item.id]).finish != "error"
    ]
    origin = {"reward": name, **describe(reward, folder / HASHES)}
    return score_answers(name, reward, to_score, scores_file(folder, name), origin, on_progress=on_progress)


def scores_file(folder: Path, name: str) -> Path:
    """The file that keeps the scores of a reward as they come."""
    return folder / f"scores_{name}.jsonl"


def write_result(
    task: SafetyTask,
    answers: Answers,
    scores: Mapping[str, Mapping[str, Scored]],
    folder: Path,
    baseline: Baseline | None = None,
) -> tuple[Summary, list[dict[str, Any]]]:
    """Write ``samples.jsonl`` and ``summary.json``.

    Args:
        task: The prompts and reward models.
        answers: The answers of the policy.
        scores: The score by reward and id.
        folder: The result folder.
        baseline: A second model to compare with; see :func:`check_baseline`.
    """
    samples = [_sample(item, answers, scores) for item in task.items]
    numbers, remarks = summarise(samples, task.rewards.models), notes(task, answers, scores)
    if baseline:
        compared, more = compare(samples, baseline, task.rewards.models)
        numbers, remarks = (*numbers, *compared), (*remarks, *more)
    started, seconds = _time(folder, scores)
    summary = Summary(
        benchmark=BENCHMARK,
        version=version(task, folder),
        model=model_name(answers.engine["model"]),
        backend=answers.engine,
        decoding=answers.decoding.describe(),
        versions=versions() | installed("torch", "transformers") | answers.engine["versions"],
        started=started,
        seconds=round(seconds, 3),
        complete=len(task.items) == task.total,
        scores=numbers,
        notes=remarks,
    )
    write(folder, summary, samples)
    return summary, samples


def _sample(item: SafetyPrompt, answers: Answers, scores: Mapping[str, Mapping[str, Scored]]) -> dict[str, Any]:
    fitted, generation = answers.fitted[item.id], answers.generations[item.id]
    prompt = hashlib.sha256(json.dumps(fitted.messages, sort_keys=True).encode()).hexdigest()[:16]
    scored = {name: of_reward.get(item.id) for name, of_reward in scores.items()}
    return {
        **generation.sample(data_source=item.data_source, prompt=prompt, prompt_cut=fitted.cut),
        "refusal": is_refusal(generation.text),
        **{f"score/{name}": answer.score if answer else None for name, answer in scored.items()},
    }


def _time(folder: Path, names: Mapping[str, Any]) -> tuple[str, float]:
    started, seconds = time_spent(folder / ANSWERS)
    return started, seconds + sum(time_spent(scores_file(folder, name))[1] for name in names)
