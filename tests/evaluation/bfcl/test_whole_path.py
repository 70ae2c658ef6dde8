"""From a server over HTTP to a result folder: questions, simulators, verdicts, trouble, and the commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gd2po.evaluation.bfcl.process import BFCLError
from gd2po.evaluation.bfcl.run import RUN, BFCLTask, Server, evaluate
from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.generation.serving import serve
from gd2po.evaluation.journal import Journal, JournalError, read_lines, time_spent
from gd2po.evaluation.results import SUMMARY, read_summary

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SMALL = ("irrelevance", "live_relevance")


@pytest.fixture(scope="module")
def answers(bfcl_python: Path, gold_server: ModuleType) -> Mapping[Any, str]:
    """Right answers to two small categories."""
    return gold_server.bfcl(SMALL).answers


@pytest.fixture(scope="module")
def gold(answers: Mapping[Any, str], gold_server: ModuleType) -> Any:
    """A backend that answers both categories."""
    return gold_server.GoldBackend(answers)


@pytest.fixture(scope="module")
def short_of_one(answers: Mapping[Any, str], gold_server: ModuleType) -> Any:
    """A backend that cannot answer the first question whose right answer is to call nothing."""
    missing = next(key for key, answer in answers.items() if "<tool_call>" not in answer)
    return gold_server.GoldBackend({key: answer for key, answer in answers.items() if key != missing})


def test_an_entry_without_an_answer_is_wrong_and_is_asked_again(gold: Any, short_of_one: Any, tmp_path: Path):
    progress: list[tuple[int, int]] = []
    seen = lambda answered, failed: progress.append((answered, failed))  # noqa: E731
    summary, samples = evaluate(BFCLTask(SMALL), short_of_one, Decoding(), tmp_path, on_progress=seen)
    assert {score.name: (score.correct, score.count) for score in summary.scores} == {
        "irrelevance/accuracy": (239, 240),
        "live_relevance/accuracy": (16, 16),
    }
    (failed,) = (sample for sample in samples if not sample["valid"])
    assert failed["finish"] == "error" and failed["error_type"] == "inference_error"
    assert "none of the" in failed["error"] and failed["id"] in summary.notes[0]
    assert progress[0] == (0, 0) and progress[-1] == (255, 1)

    summary, samples = evaluate(BFCLTask(SMALL), gold, Decoding(), tmp_path, on_progress=seen)
    assert all(sample["valid"] for sample in samples) and summary.notes == ()
    assert progress[-1] == (256, 0) and (255, 0) in progress  # one question, not 256


def test_a_server_of_another_model_ends_it_with_its_reason_and_without_a_summary(
    gold: Any, gold_server: ModuleType, tmp_path: Path
):
    task = BFCLTask(("live_relevance",))
    (tmp_path / SUMMARY).write_text("from an earlier evaluation")
    with (
        serve(gold_server.GoldBackend({}, "other"), Decoding()) as url,
        pytest.raises(BFCLError, match=r"knows no model 'gold' .* serves other"),
    ):
        evaluate(task, gold, Decoding(), tmp_path, Server(url))
    assert not (tmp_path / SUMMARY).exists()

    with pytest.raises(JournalError, match="categories was"):
        evaluate(BFCLTask(SMALL), gold, Decoding(), tmp_path)
    summary, _ = evaluate(task, gold, Decoding(), tmp_path)
    assert summary.scores[0].correct == 16
    assert read_summary(tmp_path) == summary
    sessions = read_lines(tmp_path / RUN)[1:]
    assert len({line["session"] for line in sessions}) == 2, "the refused call is no session"
    assert time_spent(tmp_path / RUN)[0] == sessions[0]["session"] == summary.started

    with (
        Journal(tmp_path / RUN, read_lines(tmp_path / RUN)[0], ""),
        pytest.raises(JournalError, match="another process"),
    ):
        evaluate(task, gold, Decoding(), tmp_path)


@contextmanager
def serving_gold(categories: str) -> Iterator[str]:
    """The script that serves right answers; yields its address."""
    command = [sys.executable, "-u", "-P", str(Path(__file__).parents[1] / "gold_server.py"), "bfcl"]
    process = subprocess.Popen(
        [*command, "--categories", categories, "--port", "0"], stdout=subprocess.PIPE, text=True, env=wide()
    )
    assert process.stdout
    try:
        yield next(word.rstrip(",") for line in process.stdout for word in line.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait()


def wide() -> dict[str, str]:
    return os.environ | {"COLUMNS": "120"}


def test_the_command_and_the_gold_server_give_a_perfect_result(bfcl_python: Path, tmp_path: Path):
    categories = "live_parallel,irrelevance,multi_turn_base"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "eval", "bfcl", "--model", "gold", "--output", str(tmp_path)]
    with serving_gold(categories) as url:
        run = [*command, "--categories", categories, "--base-url", url]
        shown = subprocess.run(run, capture_output=True, text=True, env=wide())
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[:4] for line in shown.stdout.splitlines() if "100.00" in line] == [
        ["irrelevance", "240", "240", "100.00"],
        ["live_parallel", "16", "16", "100.00"],
        ["multi_turn_base", "200", "200", "100.00"],
    ]
    assert "2026.3.23" in shown.stdout and "verall" not in shown.stdout
    summary = read_summary(tmp_path)
    assert summary.complete and summary.version["bfcl-eval"] == "2026.3.23"
    samples = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 456 and all(sample["valid"] and sample["finish"] == "stop" for sample in samples)
