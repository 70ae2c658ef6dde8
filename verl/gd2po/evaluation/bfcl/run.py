"""BFCL from a served model to a result folder."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gd2po import defaults
from gd2po.evaluation.bfcl import files
from gd2po.evaluation.bfcl.environment import VERSION
from gd2po.evaluation.bfcl.job import Job
from gd2po.evaluation.bfcl.notes import notes
from gd2po.evaluation.bfcl.process import carry_out
from gd2po.evaluation.bfcl.record import Record, open_record
from gd2po.evaluation.bfcl.scores import sample, summarise
from gd2po.evaluation.generation.contract import Backend, Decoding
from gd2po.evaluation.provenance import model_name, versions
from gd2po.evaluation.results import SAMPLES, SUMMARY, Summary, write_samples, write_summary
from gd2po.rewards.tool_calling.prompt import TEMPLATE, system_prompt

BENCHMARK = "bfcl"
ROOT = "bfcl"
"""In the result folder: BFCL's own files."""

_ENGINE_TIMEOUT = 86_400.0  # seconds; an engine in this process answers, fails, or takes us with it

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked.

    Attributes:
        categories: as :func:`.categories.parse_categories` gives them.
        template: of the system message, with ``{tools}``.
        threads: entries under way.
    """

    categories: tuple[str, ...]
    template: str = TEMPLATE
    threads: int = defaults.EVAL_CONCURRENCY


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is there already: its address, and how it is asked."""

    base_url: str
    api_key_env: str = defaults.EVAL_API_KEY_ENV
    timeout: float = defaults.EVAL_TIMEOUT


def evaluate(
    task: Task,
    backend: Backend,
    decoding: Decoding,
    folder: Path,
    server: Server | None = None,
    on_progress: Callable[[int, int], None] = lambda answered, failed: None,
) -> tuple[Summary, list[Sample]]:
    """Answer, judge and write ``samples.jsonl`` and ``summary.json`` into ``folder``.

    An interrupted call is taken up again by the same call; entries that failed are asked again. Every entry of the
    categories is a sample; one that could not be answered has ``finish`` ``error`` and counts as wrong.

    Args:
        task: what is asked.
        backend: loaded; served on this machine for as long as questions are asked.
        decoding: of the answers.
        folder: of the results; one model, one set of categories and one decoding have one.
        server: where ``backend`` stands for a server, that server; it is asked directly.
        on_progress: called now and then with the numbers of answered and of failed entries.

    Returns:
        The summary and the samples as written.

    Raises:
        PromptError: the template lacks ``{tools}``.
        ResultError: the folder belongs to another evaluation.
        BFCLError: the server cannot be used, or BFCL fails. What is answered is kept.
    """
    system_prompt((), task.template)  # refuses a template without a place for the tools
    engine, root = backend.describe(), folder / ROOT
    prompt = hashlib.sha256(task.template.encode()).hexdigest()
    version = {"bfcl-eval": VERSION, "data": "BFCL_v4", "prompt": prompt}
    settings = {"categories": task.categories, "version": version, "engine": engine, "decoding": asdict(decoding)}
    with open_record(folder, settings) as record:
        for name in (SUMMARY, SAMPLES):
            (folder / name).unlink(missing_ok=True)
        with _served(backend, decoding, server) as reached:
            _ask(_job(task, engine, decoding, reached), root, on_progress)
        samples = _judge(task, root)
        record.save()
        summary = _summarise(samples, engine, decoding, version, record)
        write_samples(folder, samples)
        write_summary(folder, summary)
    return summary, samples


@contextmanager
def _served(backend: Backend, decoding: Decoding, server: Server | None) -> Iterator[Server]:
    if server is not None:
        yield server
        return
    from gd2po.evaluation.generation.serving import serve

    with serve(backend, decoding) as base_url:
        yield Server(base_url, timeout=_ENGINE_TIMEOUT)


def _job(task: Task, engine: Mapping[str, Any], decoding: Decoding, server: Server) -> Job:
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


def _ask(job: Job, root: Path, on_progress: Callable[[int, int], None]) -> None:
    kept = files.keep_answered(root)

    def show() -> None:
        answered, failed = files.count_ticks(root)
        on_progress(kept + answered, failed)

    show()
    carry_out("generate", job, root, show)
    show()


def _judge(task: Task, root: Path) -> list[Sample]:
    files.drop_scores(root)
    carry_out("evaluate", Job(task.categories), root)
    files.drop_tables(root)
    samples = []
    for category in task.categories:
        failures = files.read_failures(root, category)
        samples += [sample(category, row, failures.get(row["id"])) for row in files.read_answers(root, category)]
    return samples


def _summarise(
    samples: list[Sample], engine: Mapping[str, Any], decoding: Decoding, version: Mapping[str, str], record: Record
) -> Summary:
    return Summary(
        benchmark=BENCHMARK,
        version=version,
        model=model_name(engine["model"]),
        backend=engine,
        decoding=asdict(decoding),
        versions=versions() | engine["versions"],
        started=record.started,
        seconds=record.seconds,
        complete=True,
        scores=summarise(samples),
        notes=notes(samples),
    )
