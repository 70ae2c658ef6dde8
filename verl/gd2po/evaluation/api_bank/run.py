"""API-Bank from prompts to a result folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError
from gd2po.evaluation.api_bank import FLAWED, LEVELS, flaw_notes, load_items, score, summarise
from gd2po.evaluation.api_bank.items import CHECKSUMS, parse_sample_id
from gd2po.evaluation.api_bank.summary import BENCHMARK
from gd2po.evaluation.generation import Backend, Decoding, Generation, GenerationRequest
from gd2po.evaluation.generation.run import ANSWERS, Progress, answer, no_progress
from gd2po.evaluation.journal import time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import Summary, failure_notes, write_result

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class APIBankTask:
    """The items of an evaluation.

    Attributes:
        levels: The levels, some of :data:`LEVELS` in their order.
        items: The items of these levels, from :func:`load_items`.
        limit: The most items of a level, or None for all.
    """

    levels: tuple[int, ...]
    items: tuple[Mapping[str, Any], ...]
    limit: int | None = None


def read_task(data: Path, levels: Iterable[int] = LEVELS, limit: int | None = None) -> APIBankTask:
    """Read the prompts.

    Args:
        data: The folder with the processed files.
        levels: The levels to read.
        limit: The number of items of each level for a quick look at the first ones; the result is marked incomplete.

    Raises:
        ItemError: A level is unknown, or a file is missing or is not the published one.
        SettingsError: There is no level, or no item.
    """
    chosen = tuple(sorted(set(levels)))
    if not chosen or (limit is not None and limit < 1):
        raise SettingsError(f"levels {chosen} with limit {limit} leave nothing to ask; expected at least one item")
    items = [item for level in chosen for item in load_items(level, data)[:limit]]
    return APIBankTask(chosen, tuple(items), limit)


def evaluate(
    task: APIBankTask,
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    on_progress: Progress = no_progress,
) -> tuple[Summary, list[Sample]]:
    """Answer, score and write ``samples.jsonl`` and ``summary.json`` into ``folder``.

    The same call goes on where an interrupted one stopped. Every item of the task is a sample; one that could not be
    answered has ``finish`` ``error`` and counts as wrong.

    Args:
        task: The items.
        backend: A loaded backend.
        decoding: The decoding of the answers.
        folder: The result folder of this model and decoding.
        on_progress: See :func:`gd2po.evaluation.generation.run.answer`.

    Returns:
        The summary and the samples as written.
    """
    requests = [GenerationRequest(item["id"], messages(item)) for item in task.items]
    generations = answer(requests, backend, decoding, folder / ANSWERS, on_progress)
    samples = [_sample(item, generations[item["id"]]) for item in task.items]
    summary = _summarise(task, samples, backend.describe(), decoding, time_spent(folder / ANSWERS))
    write_result(folder, summary, samples)
    return summary, samples


def messages(item: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """The prompt of an item, as published: its system and its user message."""
    return {"role": "system", "content": item["system"]}, {"role": "user", "content": item["user"]}


def _sample(item: Mapping[str, Any], generation: Generation) -> Sample:
    level, index = parse_sample_id(item["id"])
    verdict = score(generation.text, item)
    return {**generation.sample(level=level), **verdict, "flawed": FLAWED[level].get(index)}


def _summarise(
    task: APIBankTask,
    samples: Sequence[Sample],
    engine: Mapping[str, Any],
    decoding: Decoding,
    spent: tuple[str, float],
) -> Summary:
    started, seconds = spent
    return Summary(
        benchmark=BENCHMARK,
        version={f"lv{level}": CHECKSUMS[level] for level in task.levels},
        model=model_name(engine["model"]),
        backend=engine,
        decoding=decoding.describe(),
        versions=versions() | engine["versions"],
        started=started,
        seconds=round(seconds, 3),
        complete=task.limit is None,
        scores=summarise(samples),
        notes=(*_limit_notes(task), *_level_notes(task, samples), *flaw_notes(task.levels)),
    )


def _limit_notes(task: APIBankTask) -> list[str]:
    total = sum(LEVELS[level] for level in task.levels)
    if task.limit is None:
        return []
    return [f"only {len(task.items)} of {total} items were asked (limit {task.limit}); the others count as wrong"]


def _level_notes(task: APIBankTask, samples: Sequence[Sample]) -> Iterable[str]:
    for level in task.levels:
        of_level = [sample for sample in samples if sample["level"] == level]
        yield from failure_notes(of_level, "items", prefix=f"lv{level}: ")
