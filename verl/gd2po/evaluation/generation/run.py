"""Answers to a set of requests that survive any interruption: each is asked for once, written at once and never lost.

The file of answers is appended to as they come, and read again when the run goes on. Its first line says which engine
answers and how it decodes; each further line is a :class:`Generation` with a checksum of its messages. A request that
failed and was asked again has several lines, and the last one counts.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gd2po.errors import GD2POError
from gd2po.evaluation.generation.contract import Backend, Decoding, Generation, GenerationError, GenerationRequest
from gd2po.evaluation.journal import Journal, JournalError

ANSWERS = "answers.jsonl"
"""The file of answers in a result folder."""

Progress = Callable[[int, int], None]
"""Called with the numbers of those that are done and of those that failed."""


def no_progress(done: int, failed: int) -> None:
    """Ignore the numbers."""


class RequestError(GD2POError, ValueError):
    """Requests that cannot be told apart."""


def answer(
    requests: Sequence[GenerationRequest],
    backend: Backend,
    decoding: Decoding,
    file: Path,
    on_progress: Progress = no_progress,
) -> dict[str, Generation]:
    """Answer every request that ``file`` does not answer yet.

    Failed requests are asked again by the next call, not by this one. A call that is interrupted leaves a file that
    the same call goes on with.

    Args:
        requests: The requests, with distinct ids.
        backend: A loaded backend.
        decoding: How to decode; the same in every session.
        file: The file of answers, JSON lines; it belongs to this backend and decoding alone.
        on_progress: Called at the start and after each answer with the numbers of answered and failed requests.

    Returns:
        One generation per request, in their order; failures included.

    Raises:
        RequestError: An id occurs twice.
        JournalError: The file holds answers of another engine or decoding, answers to other messages, is damaged, or
            is being written to.
        GenerationError: The backend raised it, or has left out requests.
    """
    _check_distinct(requests)
    with Journal(file, {**backend.describe(), "decoding": decoding.describe()}, "answers") as journal:
        lines = {line["id"]: line for line in journal.lines}
        done = {
            request.id: _read(line, request, file)
            for request in requests
            if (line := lines.get(request.id)) and line["finish"] != "error"
        }
        waiting = {request.id: request for request in requests if request.id not in done}
        failed = 0
        on_progress(len(done), failed)
        for generation in backend.generate(list(waiting.values()), decoding):
            request = waiting.pop(generation.id)
            journal.append(asdict(generation) | {"messages": _checksum(request)})
            done[generation.id] = generation
            failed += generation.finish == "error"
            on_progress(len(done) - failed, failed)
    if waiting:
        raise GenerationError(f"the engine left out {len(waiting)} requests, the first is {next(iter(waiting))}")
    return {request.id: done[request.id] for request in requests}


def _check_distinct(requests: Sequence[GenerationRequest]) -> None:
    doubled = [id for id, count in Counter(request.id for request in requests).items() if count > 1]
    if doubled:
        raise RequestError(f"{len(doubled)} request ids occur more than once, such as {doubled[0]!r}")


def _read(line: Mapping[str, Any], request: GenerationRequest, file: Path) -> Generation:
    if line["messages"] != _checksum(request):
        raise JournalError(
            f"{file} answers {request.id} for other messages than it has now, so the data has changed; choose another "
            "output folder"
        )
    return Generation(**{name: line[name] for name in Generation.__dataclass_fields__})


def _checksum(request: GenerationRequest) -> str:
    return hashlib.sha256(json.dumps(request.messages, sort_keys=True).encode()).hexdigest()[:16]
