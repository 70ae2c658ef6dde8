"""The problems of the benchmarks, and the command, with a stand-in that knows the published solutions."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.data.catalogue import find_members
from gd2po.data.coding import read_humaneval, read_mbpp
from gd2po.data.fetching import fetch
from gd2po.errors import DataError, SettingsError
from gd2po.evaluation.code.sets import SETS, headline, read_task
from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.generation.serving import serve
from gd2po.evaluation.questions.task import Response
from gd2po.evaluation.results import read_summary
from gd2po.rewards.coding import CodingOptions
from gd2po.rewards.coding.sandbox.processes import Bubblewrap


@pytest.fixture(scope="module", autouse=True)
def sandbox():
    try:
        Bubblewrap().check()
    except SettingsError as error:
        if os.environ.get("GD2PO_EXPECT_SANDBOX"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def own(tmp_path) -> Path:
    file = tmp_path / "mine" / "sums.jsonl"
    file.parent.mkdir()
    lines = [
        {"problem": f"Add {n}.", "tests": {"inputs": ["1", "2"], "outputs": [f"{1 + n}", f"{2 + n}"]}} for n in range(4)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["eval", "code", *map(str, arguments)])


def test_the_command_asks_runs_and_counts(own, tmp_path, gold_server):
    task = read_task(tmp_path, [str(own)])
    assert [question.id for question in task.questions] == [f"mine_sums/{number}" for number in range(4)]
    programs = ["print(int(input()) + 0)", "print(2)", "print(int(input()) / 0)", "print(int(input()) + 3)"]
    answers = {
        gold_server.conversation(question.messages): fenced(program)
        for question, program in zip(task.questions, programs, strict=True)
    }
    with gold_server.GoldBackend(answers) as backend, serve(backend, Decoding()) as url:
        shown = run(
            "--model", "gold", "--base-url", url, "--sets", own, "--samples", 2, "--output", tmp_path / "out"
        )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    scores = {score.name: score.value for score in read_summary(tmp_path / "out").scores}
    assert scores["mine_sums/pass@1"] == 0.5 and scores["mine_sums/bug"] == 0.25
    assert scores["mine_sums/pass_rate"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    (first, *_) = map(json.loads, (tmp_path / "out" / "samples.jsonl").read_text().splitlines())
    assert (first["program"], first["verdicts"]) == ("ran", ["passed", "passed"])


def test_what_cannot_be_asked_is_refused(own, tmp_path):
    with pytest.raises(SettingsError, match=r"'mbp' is neither a benchmark of programming nor a file\. Did you mean"):
        read_task(tmp_path, ["mbp"])
    with pytest.raises(DataError, match="holds no humaneval, mbpp; run `gd2po data get humaneval mbpp`"):
        read_task(tmp_path)
    own.write_text('{"problem": "p", "tests": {"inputs": []}}')
    with pytest.raises(DataError, match="row 0: there is no test"):
        read_task(tmp_path, [str(own)])
    with pytest.raises(SettingsError, match="sandbox_url"):
        read_task(tmp_path, ["mbpp"], CodingOptions(sandbox_url="http://127.0.0.1:9"))


def test_a_leaderboard_has_bugs_last():
    units = {"a/bug": "share", "a/pass@1": "share", "a/tokens": "tokens", "a/exceed": "share"}
    assert headline(units) == ["a/pass@1", "a/exceed", "a/bug"]


@pytest.mark.parametrize("name", SETS)
def test_published_solutions_pass(name, public_file, tmp_path):
    """Every 20th, or all with GD2PO_ALL_SOLUTIONS=1."""
    source = public_file({"humaneval": "HumanEval.jsonl.gz", "mbpp": "mbpp.jsonl"}[name]).parent
    for member in find_members([SETS[name][0]]):
        fetch(member, tmp_path, source=source)
    task = read_task(tmp_path, [name])
    path = find_members([SETS[name][0]])[0].path(tmp_path)
    problems = read_humaneval(path) if name == "humaneval" else read_mbpp(path, "test")
    assert len(problems) == len(task.questions) == {"humaneval": 164, "mbpp": 500}[name]
    step = 1 if os.environ.get("GD2PO_ALL_SOLUTIONS") else 20
    responses = [
        Response(question, fenced(problem.solution), 9)
        for question, problem in list(zip(task.questions, problems, strict=True))[::step]
    ]
    verdicts = zip(responses, task.judge(responses), strict=True)
    assert [response.question.id for response, verdict in verdicts if not verdict["correct"]] == []
