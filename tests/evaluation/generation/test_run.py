"""A run that is interrupted in every way, and goes on."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from gd2po.evaluation.generation import Decoding, GenerationError
from gd2po.evaluation.generation.run import RequestError, answer
from gd2po.evaluation.journal import Journal, JournalError, read_lines, time_spent

SLOW = """
import sys, time
from pathlib import Path
from gd2po.evaluation.generation import Decoding, Generation, GenerationRequest
from gd2po.evaluation.generation.run import answer

class Slow:
    def describe(self):
        return {"name": "slow", "model": "m"}

    def generate(self, requests, decoding):
        for request in requests:
            time.sleep(0.005)
            with open(sys.argv[2], "a") as asked:
                asked.write(request.id + "\\n")
            yield Generation(request.id, "é" * 50 + request.id, "stop", 1, 2)

requests = [GenerationRequest(f"Level1_{i}", ({"role": "user", "content": str(i)},)) for i in range(200)]
generations = answer(requests, Slow(), Decoding(), Path(sys.argv[1]))
assert [(g.id, g.text) for g in generations.values()] == [(r.id, "é" * 50 + r.id) for r in requests]
print("complete", len(generations))
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new" / "answers.jsonl"


def texts(generations):
    return {id: generation.text for id, generation in generations.items()}


@pytest.mark.e2e
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda kind: kind.name)
def test_a_killed_process_loses_and_repeats_nothing(kind, tmp_path, file):
    script, asked = tmp_path / "slow.py", tmp_path / "asked"
    script.write_text(SLOW)
    command = [sys.executable, "-P", script, file, asked]
    killed = []
    for share in (0.2, 0.6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while not asked.exists() or len(asked.read_text().splitlines()) < 200 * share:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        process.send_signal(kind)
        process.wait(20)
        killed.append(len(read_lines(file)) - 1)
    assert 30 < killed[0] < killed[1] < 200
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert done.stdout == "complete 200\n"
    ids = Counter(line["id"] for line in read_lines(file)[1:])
    assert ids == {f"Level1_{index}": 1 for index in range(200)}, "an answer is lost or doubled"
    repeated = Counter(asked.read_text().splitlines()).total() - 200
    assert repeated <= 2, "only the answer that was on its way may be asked again"
    started, seconds = time_spent(file)
    assert seconds > 200 * 0.005 and started.endswith("+00:00")


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_last_line_is_dropped_said_and_asked_again(cut, file, ask, echo, caplog):
    requests = ask("a", "b", "c")
    whole = answer(requests, echo(), Decoding(), file)
    content = file.read_bytes()
    file.write_bytes(content[:-cut])
    backend = echo()
    with caplog.at_level(logging.WARNING):
        assert answer(requests, backend, Decoding(), file) == whole
    assert backend.batches == [["2"]]
    assert "the last line was torn by an interruption" in caplog.text


def test_what_is_answered_is_not_asked_again(file, ask, echo):
    requests = ask("a", "b", "c")
    answer(requests[:2], echo(), Decoding(), file)
    backend = echo()
    assert texts(answer(requests, backend, Decoding(), file)) == {"0": "a", "1": "b", "2": "c"}
    assert backend.batches == [["2"]]


def test_failures_are_asked_again_and_stay_failures_if_they_persist(file, ask, echo):
    requests = ask("a", "b", "c")
    first = answer(requests, echo(fail=lambda text: "no" if text != "a" else None), Decoding(), file)
    assert [generation.finish for generation in first.values()] == ["stop", "error", "error"]
    backend = echo(fail=lambda text: "still no" if text == "c" else None)
    second = answer(requests, backend, Decoding(), file)
    assert backend.batches == [["1", "2"]]
    assert [(g.text, g.error) for g in second.values()] == [("a", None), ("b", None), ("", "still no")]
    backend = echo()
    assert texts(answer(requests, backend, Decoding(), file)) == {"0": "a", "1": "b", "2": "c"}
    assert backend.batches == [["2"]]


def test_progress_counts_answers_and_failures_of_all_sessions(file, ask, echo):
    requests = ask("a", "b", "c")
    answer(requests[:1], echo(), Decoding(), file)
    seen = []
    half = echo(fail=lambda text: "no" if text == "b" else None)
    answer(requests, half, Decoding(), file, lambda *counts: seen.append(counts))
    assert seen == [(1, 0), (1, 1), (2, 1)]


def test_an_odd_character_does_not_break_a_line(file, ask, echo):
    odd = "line\u2028separator \u0085 \U0001f600 \x00 \r\n end"
    requests = ask(odd)
    answer(requests, echo(), Decoding(), file)
    assert answer(requests, echo(), Decoding(), file)["0"].text == odd


@pytest.mark.parametrize(
    ("model", "decoding", "said"),
    [
        ("other", Decoding(), "model was 'echo', is 'other'"),
        ("echo", Decoding(max_tokens=1), "decoding was .*4096.* is .*'max_tokens': 1"),
    ],
)
def test_answers_of_another_run_are_never_mixed_in(model, decoding, said, file, ask, echo):
    answer(ask("a"), echo(), Decoding(), file)
    before = file.read_bytes()
    with pytest.raises(JournalError, match=f"holds answers of another run: {said}.* Choose another output folder"):
        answer(ask("a", "b"), echo(model), decoding, file)
    assert file.read_bytes() == before


def test_answers_to_other_messages_are_not_taken(file, ask, echo):
    answer(ask("a"), echo(), Decoding(), file)
    with pytest.raises(JournalError, match="answers 0 for other messages than it has now"):
        answer(ask("changed"), echo(), Decoding(), file)


def test_a_damaged_line_is_named(file, ask, echo):
    answer(ask("a"), echo(), Decoding(), file)
    with file.open("a") as damaged:
        damaged.write("{]\n")
    with pytest.raises(JournalError, match=r"answers\.jsonl:3 is damaged .* delete the line, or the file"):
        answer(ask("a"), echo(), Decoding(), file)


def test_two_runs_at_once_are_refused(file, ask, echo):
    with (
        Journal(file, {"model": "echo"}, "answers"),
        pytest.raises(JournalError, match="is being written by another process"),
    ):
        answer(ask("a"), echo(), Decoding(), file)


def test_an_id_that_occurs_twice_is_refused(file, ask, echo):
    with pytest.raises(RequestError, match="1 request ids occur more than once, such as '0'"):
        answer(ask("a") + ask("b"), echo(), Decoding(), file)


def test_a_request_that_the_engine_leaves_out_is_named(file, ask, echo):
    backend = echo()
    backend.generate = lambda requests, decoding: echo().generate(requests[:1], decoding)
    with pytest.raises(GenerationError, match="left out 2 requests, the first is 1"):
        answer(ask("a", "b", "c"), backend, Decoding(), file)


def test_answers_reach_the_disk_in_groups(file, ask, echo, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(len(file.read_bytes().splitlines())) or fsync(number))
    answer(ask(*map(str, range(40))), echo(), Decoding(), file)
    assert synced[-1] == 41 and max(b - a for a, b in zip([0, *synced], synced, strict=False)) <= 16


def test_time_is_summed_over_sessions(file):
    lines = [{"name": "header"}]
    lines += [{"id": str(i), "session": f"2026-01-0{day}", "seconds": i} for i, day in enumerate((2, 2, 1, 1), 1)]
    file.parent.mkdir()
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert time_spent(file) == ("2026-01-01", 2 + 4)
