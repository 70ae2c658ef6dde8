"""API-Bank from prompts to a result folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gd2po.errors import SettingsError
from gd2po.evaluation.api_bank import FLAWED, LEVELS, flaw_notes, load_items, score, summarise
from gd2po.evaluation.api_bank.items import CHECKSUMS, place
from gd2po.evaluation.generation import Backend, Decoding, Generation, Request
from gd2po.evaluation.generation.gold import GoldBackend, conversation
from gd2po.evaluation.generation.run import answer
from gd2po.evaluation.journal import time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import Summary, write_samples, write_summary
from gd2po.rewards.tool_calling.answers import write_answer
from gd2po.rewards.tool_calling.api_bank.tools import gold_call

BENCHMARK = "api-bank"
ANSWERS = "answers.jsonl"
"""In the result folder: the answers as they came, see :mod:`gd2po.evaluation.generation.answers`."""

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked.

    Attributes:
        levels: of :data:`LEVELS`, in their order.
        items: of these levels, as :func:`load_items` gives them.
        limit: most items of a level, or None for all.
    """

    levels: tuple[int, ...]
    items: tuple[Mapping[str, Any], ...]
    limit: int | None = None


def read_task(data: Path, levels: Iterable[int] = LEVELS, limit: int | None = None) -> Task:
    """Read the prompts.

    Args:
        data: folder with the processed files.
        levels: which of them.
        limit: only the first items of each level, for a quick look; the result is marked incomplete.

    Raises:
        ItemError: an unknown level, or a file that is missing or is not the published one.
        SettingsError: no level, or no item.
    """
    chosen = tuple(sorted(set(levels)))
    if not chosen or (limit is not None and limit < 1):
        raise SettingsError(f"levels {chosen} with limit {limit} leave nothing to ask; expected at least one item")
    items = [item for level in chosen for item in load_items(level, data)[:limit]]
    return Task(chosen, tuple(items), limit)


def evaluate(
    task: Task,
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda answered, failed: None,
) -> tuple[Summary, list[Sample]]:
    """Answer, score and write ``samples.jsonl`` and ``summary.json`` into ``folder``.

    An interrupted call is taken up again by the same call. Every item of the task is a sample; one that could not be
    answered has ``finish`` ``error`` and counts as wrong.

    Args:
        task: what is asked.
        backend: loaded.
        decoding: of the answers.
        folder: of the results; one model and decoding have one.
        on_progress: see :func:`gd2po.evaluation.generation.run.answer`.

    Returns:
        The summary and the samples as written.
    """
    requests = [Request(item["id"], messages(item)) for item in task.items]
    generations = answer(requests, backend, decoding, folder / ANSWERS, on_progress)
    samples = [_sample(item, generations[item["id"]]) for item in task.items]
    summary = _summarise(task, samples, backend.describe(), decoding, time_spent(folder / ANSWERS))
    write_samples(folder, samples)
    write_summary(folder, summary)
    return summary, samples


def messages(item: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """The prompt of an item, as published: its system and its user message."""
    return {"role": "system", "content": item["system"]}, {"role": "user", "content": item["user"]}


def gold_backend(data: Path) -> GoldBackend:
    """A stand-in for a model that answers every prompt of API-Bank with its gold call, under the name ``gold``."""
    items = [item for level in LEVELS for item in load_items(level, data)]
    return GoldBackend("gold", {conversation(messages(item)): _gold_answer(item) for item in items})


def _gold_answer(item: Mapping[str, Any]) -> str:
    return write_answer([asdict(gold_call(item))])


def _sample(item: Mapping[str, Any], generation: Generation) -> Sample:
    level, index = place(item["id"])
    said = asdict(generation)
    return {
        "id": said.pop("id"),
        "level": level,
        "output": said.pop("text"),
        **said,
        **score(generation.text, item),
        "flawed": FLAWED[level].get(index),
    }


def _summarise(
    task: Task,
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
        decoding=asdict(decoding),
        versions=versions() | engine["versions"],
        started=started,
        seconds=round(seconds, 3),
        complete=task.limit is None,
        scores=summarise(samples),
        notes=(*_limit_notes(task), *_finish_notes(samples), *flaw_notes(task.levels)),
    )


def _limit_notes(task: Task) -> list[str]:
    total = sum(LEVELS[level] for level in task.levels)
    if task.limit is None:
        return []
    return [f"only {len(task.items)} of {total} items were asked (limit {task.limit}); the others count as wrong"]


def _finish_notes(samples: Sequence[Sample]) -> list[str]:
    """What was not answered, or not to its end, per level."""
    notes = []
    for level in sorted({sample["level"] for sample in samples}):
        failed = [sample for sample in samples if (sample["level"], sample["finish"]) == (level, "error")]
        cut = sum((sample["level"], sample["finish"]) == (level, "length") for sample in samples)
        if failed:
            first = f"{failed[0]['id']}: {failed[0]['error']}"
            notes.append(f"lv{level}: {len(failed)} items have no answer and count as wrong; the first, {first}")
        if cut:
            notes.append(f"lv{level}: {cut} answers were cut at the longest length")
    return notes
