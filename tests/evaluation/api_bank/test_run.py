"""The whole way: prompts, answers over HTTP, scores, result folder, screen."""

import itertools
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import SettingsError
from gd2po.evaluation import journal
from gd2po.evaluation.api_bank import LEVELS
from gd2po.evaluation.api_bank.run import APIBankTask, evaluate, messages, read_task
from gd2po.evaluation.generation import Decoding, Generation
from gd2po.evaluation.generation.serving import serve
from gd2po.evaluation.results import read_summary


class Canned:
    """Answers with fixed generations by id, in no helpful order."""

    def __init__(self, **by_id: Generation) -> None:
        self.by_id = by_id

    def describe(self):
        return {"name": "canned", "model": "org/model", "model_hash": "h", "versions": {"engine": "1"}}

    def generate(self, requests, decoding):
        for request in reversed(requests):
            yield self.by_id[request.id]


@pytest.fixture
def task(item):
    """Three items of level 2: one of them is flawed."""
    items = [item | {"id": f"Level2_{index}", "user": f"question {index}"} for index in (0, 1, 6)]
    return APIBankTask(levels=(2,), items=tuple(items))


@pytest.fixture
def canned(reply):
    right = reply({"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}})
    return Canned(
        Level2_0=Generation("Level2_0", right, "stop", 100, 20),
        Level2_1=Generation("Level2_1", "<think> so lo", "length", 101, 4096),
        Level2_6=Generation.failed("Level2_6", "context_length_exceeded: too long", 5000),
    )


def samples_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, ["eval", "api-bank", *map(str, arguments)])


def test_every_item_is_a_sample_with_all_its_fields(task, canned, tmp_path):
    _, samples = evaluate(task, canned, Decoding(), tmp_path / "out")
    assert samples_of(tmp_path / "out") == samples
    right, cut, failed = samples
    assert set(right) == {
        *("id", "level", "output", "finish", "prompt_tokens", "response_tokens", "error", "flawed"),
        *("published_correct", "strict_correct", "published_format", "training_format", "length", "think_words"),
    }
    assert (right["id"], right["level"], right["finish"], right["prompt_tokens"]) == ("Level2_0", 2, "stop", 100)
    assert right["strict_correct"] == right["published_correct"] == right["training_format"] == 1
    assert (cut["finish"], cut["strict_correct"], cut["error"]) == ("length", 0, None)
    assert (failed["finish"], failed["error"]) == ("error", "context_length_exceeded: too long")
    assert failed["strict_correct"] == failed["published_correct"] == failed["length"] == failed["think_words"] == 0
    assert failed["flawed"] == "the gold call is of a tool that the prompt does not offer" and right["flawed"] is None


def test_the_summary_says_what_was_run_and_counts_failures_in_the_denominator(task, canned, tmp_path):
    summary, _ = evaluate(task, canned, Decoding(), tmp_path)
    assert read_summary(tmp_path) == summary
    scores = {score.name: score for score in summary.scores}
    assert (scores["lv2/strict"].correct, scores["lv2/strict"].count) == (1, 67)
    assert (summary.benchmark, summary.model, summary.complete) == ("api-bank", "model", True)
    assert summary.versions["engine"] == "1" and "gd2po" in summary.versions
    assert summary.decoding["max_tokens"] == 4096 and list(summary.version) == ["lv2"]
    failed = "Level2_6: context_length_exceeded: too long"
    assert f"lv2: 1 items have no answer and count as wrong; the first, {failed}" in summary.notes
    assert "lv2: 1 answers were cut at the longest length, such as that to Level2_1" in summary.notes
    assert any("tool that the prompt does not offer" in note for note in summary.notes)


def test_seconds_add_up_over_sessions(task, canned, tmp_path, monkeypatch):
    """By a clock that advances a second whenever it is read."""
    seconds = itertools.count()
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    first, _ = evaluate(task, canned, Decoding(), tmp_path)
    canned.by_id["Level2_6"] = Generation("Level2_6", "now", "stop")
    second, _ = evaluate(task, canned, Decoding(), tmp_path)
    assert second.started == first.started and second.seconds > first.seconds > 0
    assert "count as wrong" not in "".join(second.notes)


def test_a_prompt_is_the_items_system_and_user_message(item):
    assert messages(item) == (
        {"role": "system", "content": item["system"]},
        {"role": "user", "content": "two rooms in Oslo"},
    )


@pytest.mark.parametrize("given", [{"levels": ()}, {"limit": 0}])
def test_nothing_to_ask_is_refused(given, tmp_path):
    with pytest.raises(SettingsError, match="leave nothing to ask"):
        read_task(tmp_path, **given)


@pytest.mark.e2e
def test_the_gold_server_comes_out_perfect_on_all_597(benchmark_folder, tmp_path, gold_server):
    with gold_server.api_bank(benchmark_folder) as backend, serve(backend, Decoding()) as url:
        shown = run("--model", "gold", "--base-url", url, "--data", benchmark_folder, "--output", tmp_path)
    assert shown.exit_code == 0, shown.output
    summary = read_summary(tmp_path)
    shares = [score for score in summary.scores if score.unit == "share"]
    assert len(shares) == 30 and all(score.value == 1 for score in shares)
    assert summary.complete and summary.backend["base_url"] == url
    samples = samples_of(tmp_path)
    assert Counter(sample["level"] for sample in samples) == LEVELS and len({sample["id"] for sample in samples}) == 597
    assert sum(sample["flawed"] is not None for sample in samples) == 19
    screen = shown.output.replace("\n", " ")
    assert "answers: 597 of 597" in screen and re.search(r"micro +100\.0 +100\.0 +100\.0 +100\.0", screen)
    assert all(len(line) <= 80 for line in shown.output.splitlines() if str(tmp_path) not in line)


def test_a_look_at_a_few_is_marked_incomplete_and_can_be_completed(benchmark_folder, tmp_path, gold_server):
    with gold_server.api_bank(benchmark_folder) as backend, serve(backend, Decoding()) as url:
        same = ("--model", "gold", "--base-url", url, "--data", benchmark_folder, "--output", tmp_path)
        look = run(*same, "--levels", "2", "--limit", 3)
        assert "only 3 of 67 items were asked (limit 3); the others count as wrong" in look.output
        assert not read_summary(tmp_path).complete
        assert run(*same, "--levels", "2,3").exit_code == 0
    summary = read_summary(tmp_path)
    assert summary.complete and {score.value for score in summary.scores if score.unit == "share"} == {1.0}
    lines = (tmp_path / "answers.jsonl").read_text().splitlines()[1:]
    assert Counter(json.loads(line)["id"] for line in lines).most_common(1)[0][1] == 1, "an item was asked twice"
    assert len(lines) == 67 + 131


@pytest.mark.e2e
def test_an_interrupted_command_says_so_and_goes_on(benchmark_folder, tmp_path, gold_server):
    gold = gold_server.api_bank(benchmark_folder)
    generate = gold.generate

    def slow(requests, decoding):
        time.sleep(0.02)
        yield from generate(requests, decoding)

    gold.generate = slow
    command = [sys.executable, "-P", "-m", "gd2po.cli", "eval", "api-bank", "--model", "gold", "--concurrency", "2"]
    with gold, serve(gold, Decoding()) as url:
        command += ["--base-url", url, "--data", benchmark_folder, "--output", tmp_path, "--levels", "2"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        answers = tmp_path / "answers.jsonl"
        while not answers.exists() or answers.read_text().count("\n") < 15:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "keeps what is done, and the same command goes on" in errors and "Traceback" not in errors
        kept = answers.read_text().count("\n") - 1
        assert 14 <= kept < 67 and not (tmp_path / "summary.json").exists()
        printed = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout
        assert re.search(r"^\[ *\d+ s\] answers: 67 of 67$", printed, re.MULTILINE)
    ids = Counter(json.loads(line)["id"] for line in answers.read_text().splitlines()[1:])
    assert len(ids) == 67 and set(ids.values()) == {1}
    assert read_summary(tmp_path).complete


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--levels", "1,x"), "levels is '1,x', expected numbers such as 1,2,3"),
        (("--levels", "4"), "API-Bank has no level 4"),
        (("--backend", "vlm"), "unknown backend 'vlm'. Did you mean 'vllm'?"),
        (("--data", "/absent"), "/absent holds no level-1-api_processed.json"),
    ],
)
def test_a_mistake_is_a_message_not_a_traceback(arguments, said, benchmark_folder, tmp_path):
    shown = run("--model", "m", "--data", benchmark_folder, "--output", tmp_path / "out", *arguments)
    assert shown.exit_code == 2 and said in shown.output
    assert not (tmp_path / "out").exists()
