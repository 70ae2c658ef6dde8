"""A benchmark of questions, from the questions to a result folder."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError
from gd2po.evaluation.generation import Backend, Decoding, Generation, GenerationRequest
from gd2po.evaluation.generation.run import ANSWERS, Progress, answer, no_progress
from gd2po.evaluation.journal import time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.questions.summary import summarise
from gd2po.evaluation.questions.task import CORRECT, Question, QuestionTask, Response, Verdict
from gd2po.evaluation.results import Summary, failure_notes, write_result

Sample = dict[str, Any]
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class _Sampled:
    question: Question
    request: GenerationRequest


def check_decoding(task: QuestionTask, decoding: Decoding) -> None:
    """Refuse several greedy responses to one question, which would all be the same.

    Raises:
        SettingsError: See above.
    """
    if task.samples > 1 and decoding.temperature == 0:
        raise SettingsError(
            f"samples is {task.samples} at temperature 0, where all responses to a question are the same; set a "
            "temperature above 0, or samples to 1"
        )


def evaluate(
    task: QuestionTask,
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    on_progress: Progress = no_progress,
    on_judged: Progress = no_progress,
) -> tuple[Summary, list[Sample]]:
    """Ask every question ``task.samples`` times, judge, and write ``samples.jsonl`` and ``summary.json``.

    The same call goes on where an interrupted one stopped; one with more samples keeps those that there are. A response
    that could not be generated has ``finish`` ``error`` and counts as wrong.

    Args:
        task: The questions and their judge.
        backend: A loaded backend.
        decoding: The decoding of the responses; each has a seed of its own, from the decoding's and its id.
        folder: The result folder of this model and decoding.
        on_progress: See :func:`gd2po.evaluation.generation.run.answer`.
        on_judged: Called with the number of judged responses, and 0.

    Returns:
        The summary and the samples as written.

    Raises:
        SettingsError: Several responses are asked for at temperature 0.
    """
    check_decoding(task, decoding)
    sampled = [
        _Sampled(question, _request(question, number, decoding.seed))
        for question in task.questions
        for number in range(task.samples)
    ]
    generations = answer([each.request for each in sampled], backend, decoding, folder / ANSWERS, on_progress)
    verdicts = _judged(task, sampled, generations, on_judged)
    samples = [_sample(each, generations[each.request.id], verdicts.get(each.request.id)) for each in sampled]
    summary = _summary(task, samples, backend, decoding, time_spent(folder / ANSWERS))
    write_result(folder, summary, samples)
    return summary, samples


def _request(question: Question, number: int, seed: int) -> GenerationRequest:
    id = f"{question.id}#{number}"
    own_seed = int.from_bytes(hashlib.sha256(f"{seed}/{id}".encode()).digest()[:4]) >> 1
    return GenerationRequest(id, question.messages, own_seed)


def _judged(
    task: QuestionTask, sampled: Sequence[_Sampled], generations: dict[str, Generation], on_judged: Progress
) -> dict[str, Verdict]:
    """The verdict on each generated response, by the id of its request."""
    responses = {
        each.request.id: Response(each.question, generation.text, generation.response_tokens)
        for each in sampled
        if (generation := generations[each.request.id]).finish != "error"
    }
    verdicts: dict[str, Verdict] = {}
    for id, verdict in zip(responses, task.judge(list(responses.values())), strict=True):
        verdicts[id] = verdict
        on_judged(len(verdicts), 0)
    return verdicts


def _sample(each: _Sampled, generation: Generation, verdict: Verdict | None) -> Sample:
    return {
        **generation.sample(question=each.question.id, group=each.question.group),
        **({CORRECT: 0} if verdict is None else verdict),
        "flawed": each.question.flaw,
    }


def _summary(
    task: QuestionTask, samples: Sequence[Sample], backend: Backend, decoding: Decoding, spent: tuple[str, float]
) -> Summary:
    engine, (started, seconds) = backend.describe(), spent
    return Summary(
        benchmark=task.benchmark,
        version=dict(task.version),
        model=model_name(engine["model"]),
        backend=engine,
        decoding=decoding.describe() | {"samples": task.samples, "exceed": task.exceed},
        versions=versions() | engine["versions"],
        started=started,
        seconds=round(seconds, 3),
        complete=len(task.questions) == task.total,
        scores=summarise(task, samples),
        notes=(*_notes(task, samples), *task.notes),
    )


def _notes(task: QuestionTask, samples: Sequence[Sample]) -> Iterator[str]:
    if len(task.questions) < task.total:
        yield f"only {len(task.questions)} of {task.total} questions were asked (limit)"
    yield from failure_notes(samples, f"of {len(samples)} responses")
    if untold := sum(sample["response_tokens"] is None and sample["finish"] != "error" for sample in samples):
        yield f"{untold} of {len(samples)} responses have no number of tokens, and are in no length and no exceed"
    flaws: dict[tuple[str, str], list[str]] = {}
    for question in task.questions:
        if question.flaw:
            flaws.setdefault((question.group, question.flaw), []).append(question.id.rpartition("/")[2])
    for (group, flaw), positions in flaws.items():
        rest = f" and {len(positions) - _SHOWN} more" if len(positions) > _SHOWN else ""
        yield f"{group}: {flaw} (questions {', '.join(positions[:_SHOWN])}{rest} of {_count(task, group)}); they count"


def _count(task: QuestionTask, group: str) -> int:
    return Counter(question.group for question in task.questions)[group]
