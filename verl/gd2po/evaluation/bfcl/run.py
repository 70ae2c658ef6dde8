"""BFCL from a served model to a result folder."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.evaluation.bfcl import files
from gd2po.evaluation.bfcl.environment import VERSION
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.bfcl.process import carry_out
from gd2po.evaluation.bfcl.scores import notes, sample, summarise
from gd2po.evaluation.generation.contract import API_KEY_ENV, CONCURRENCY, TIMEOUT, Backend, Decoding
from gd2po.evaluation.generation.run import Progress, no_progress
from gd2po.evaluation.journal import Journal, time_spent
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import SAMPLES, SUMMARY, Summary, write_result
from gd2po.rewards.tool_calling.prompt import TEMPLATE, system_prompt

BENCHMARK = "bfcl"
ROOT = "bfcl"
"""The folder of BFCL's own files in the result folder."""

RUN = "run.jsonl"
"""The file in the result folder with the settings of the evaluation and the time of its sessions."""

_ENGINE_TIMEOUT = 86_400.0  # seconds; an engine in this process answers, fails, or takes us with it

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BFCLTask:
    """The questions of an evaluation.

    Attributes:
        categories: The categories in the order of :func:`.categories.parse_categories`.
        template: The template of the system message, with ``{tools}``.
        threads: The number of entries under way at once.
    """

    categories: tuple[str, ...]
    template: str = TEMPLATE
    threads: int = CONCURRENCY


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs already: its address, key and time limit, see :class:`.job.Job`."""

    base_url: str
    api_key_env: str = API_KEY_ENV
    timeout: float = TIMEOUT


def evaluate(
    task: BFCLTask,
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    server: Server | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Summary, list[Sample]]:
    """Answer, judge and write ``samples.jsonl`` and ``summary.json`` into ``folder``.

    An interrupted call is taken up again by the same call; entries that failed are asked again. Every entry of the
    categories is a sample; one that could not be answered has ``finish`` ``error`` and counts as wrong.

    Args:
        task: The questions.
        backend: A loaded backend; it is served on this machine while questions are asked.
        decoding: The decoding of the answers.
        folder: The result folder; one model, one set of categories and one decoding share one.
        server: The server for which ``backend`` stands, if it stands for one; that server is asked directly.
        on_progress: Called now and then with the numbers of answered and of failed entries.

    Returns:
        The summary and the samples as written.

    Raises:
        PromptError: The template lacks ``{tools}``.
        JournalError: The folder belongs to another evaluation, or another process writes into it.
        BFCLError: The server cannot be used, or BFCL fails. Answers that were given are kept.
    """
    system_prompt((), task.template)  # refuses a template without a place for the tools
    engine, root = backend.describe(), folder / ROOT
    prompt = hashlib.sha256(task.template.encode()).hexdigest()
    version = {"bfcl-eval": VERSION, "data": "BFCL_v4", "prompt": prompt}
    settings = {"categories": task.categories, "version": version, "engine": engine, "decoding": decoding.describe()}
    with _timed(folder / RUN, settings) as journal:
        for name in (SUMMARY, SAMPLES):
            (folder / name).unlink(missing_ok=True)
        with _served(backend, decoding, server) as reached:
            _ask(_job(task, engine, decoding, reached), root, on_progress)
        samples = _judge(task, root)
        journal.append({})
        started, seconds = time_spent(folder / RUN)
        summary = Summary(
            benchmark=BENCHMARK,
            version=version,
            model=model_name(engine["model"]),
            backend=engine,
            decoding=decoding.describe(),
            versions=versions() | engine["versions"],
            started=started,
            seconds=round(seconds, 1),
            complete=True,
            scores=summarise(samples),
            notes=notes(samples),
        )
        write_result(folder, summary, samples)
    return summary, samples


@contextmanager
def _timed(file: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of an evaluation: its settings, and the time at the beginning and at the end of each session."""
    with Journal(file, settings, "the record") as journal:
        journal.append({})
        try:
            yield journal
        finally:
            journal.append({})


@contextmanager
def _served(backend: Backend, decoding: Decoding, server: Server | None) -> Iterator[Server]:
    if server is not None:
        yield server
        return
    from gd2po.evaluation.generation.serving import serve

    with serve(backend, decoding) as base_url:
        yield Server(base_url, timeout=_ENGINE_TIMEOUT)


def _job(task: BFCLTask, engine: Mapping[str, Any], decoding: Decoding, server: Server) -> Job:
    return Job(
        task.categories,
        template=task.template,
        model=engine["model"],
        base_url=server.base_url,
        api_key_env=server.api_key_env,
        timeout=server.timeout,
        threads=task.threads,
        decoding=decoding,
    )


def _ask(job: Job, root: Path, on_progress: Progress) -> None:
    kept = files.keep_answered(root)

    def show() -> None:
        answered, failed = files.count_ticks(root)
        on_progress(kept + answered, failed)

    show()
    carry_out("generate", job, root, show)
    show()


def _judge(task: BFCLTask, root: Path) -> list[Sample]:
    files.drop_scores(root)
    carry_out("evaluate", Job(task.categories), root)
    files.drop_tables(root)
    samples = []
    for category in task.categories:
        failures = files.read_failures(root, category)
        samples += [sample(category, row, failures.get(row["id"])) for row in files.read_answers(root, category)]
    return samples
