"""The questions of the benchmarks, and the command, with a stand-in that knows the reference solutions."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.data.catalogue import find_members
from gd2po.data.fetching import fetch
from gd2po.data.mathematics import read_problems
from gd2po.errors import DataError, SettingsError
from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.generation.serving import serve
from gd2po.evaluation.math.flawed import FLAWED
from gd2po.evaluation.math.sets import DEFAULT, SETS, read_task
from gd2po.evaluation.questions.run import evaluate
from gd2po.evaluation.results import read_summary

ROWS = {
    "gsm8k": 1319, "math500": 500, "aime22_24": 90, "aime24": 30, "aime25": 30, "amc22_23": 83, "amc23": 40,
    "minerva_math": 272, "olympiadbench": 675,
}  # fmt: skip


@pytest.fixture(scope="module")
def published(public_file, tmp_path_factory) -> Path:
    """The folder of the data sets with the published files, where they are on this machine."""
    root = tmp_path_factory.mktemp("dataset")
    source = public_file("minerva_math/**/test.jsonl").parents[1]
    for member in find_members(SETS.values()):
        fetch(member, root, source=source)
    return root


@pytest.fixture
def own(tmp_path) -> Path:
    file = tmp_path / "mine" / "sums.jsonl"
    file.parent.mkdir()
    lines = [{"problem": f"What is {number} + 1?", "answer": number + 1} for number in range(6)]
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["eval", "math", *map(str, arguments)])


def test_a_file_of_ones_own_is_a_benchmark(own, tmp_path):
    task = read_task(tmp_path, [str(own)], wording="tags", samples=2, limit=4)
    assert [question.id for question in task.questions] == [f"mine_sums/{number}" for number in range(4)]
    assert task.total == 6 and set(task.version) == {"mine_sums", "wording"}
    (message,) = task.questions[0].messages
    assert message["content"].startswith("What is 0 + 1?") and "<answer>" in message["content"]
    assert task.version["wording"] != read_task(tmp_path, [str(own)]).version["wording"]


def test_what_cannot_be_asked_is_refused(own, tmp_path):
    with pytest.raises(SettingsError, match=r"'gsm8' is neither a benchmark of mathematics nor a file\. Did you mean"):
        read_task(tmp_path, ["gsm8"])
    with pytest.raises(SettingsError, match="unknown wording 'bx'"):
        read_task(tmp_path, [str(own)], wording="bx")
    with pytest.raises(DataError, match="holds no gsm8k, math500; run `gd2po data get gsm8k math500`"):
        read_task(tmp_path, ["gsm8k", "math500"])
    own.write_text('{"problem": "p", "answer": "\\\\frac{1"}')
    with pytest.raises(DataError, match=r"row 0: the reference answer .* cannot be parsed"):
        read_task(tmp_path, [str(own)])


def test_the_command_asks_judges_and_goes_on(own, tmp_path, gold_server):
    task = read_task(tmp_path, [str(own)])
    right = {
        gold_server.conversation(question.messages): f"\\boxed{{{n + 1}}}" for n, question in enumerate(task.questions)
    }
    for conversation in list(right)[4:]:
        right[conversation] = "no idea"
    same = ("--model", "gold", "--sets", own, "--samples", 2, "--output", tmp_path / "out", "--pass-at", "2")
    with gold_server.GoldBackend(right) as backend, serve(backend, Decoding()) as url:
        shown = run(*same, "--base-url", url, "--limit", 3)
        assert shown.exit_code == 0 and "only 3 of 6 questions were asked (limit)" in shown.output
        shown = run(*same, "--base-url", url)
    assert shown.exit_code == 0, shown.output
    summary = read_summary(tmp_path / "out")
    scores = {score.name: score for score in summary.scores}
    assert (scores["mine_sums/pass@1"].value, scores["mine_sums/pass@1"].count) == (4 / 6, 12)
    assert scores["mine_sums/pass@2"].value == 4 / 6 and summary.complete
    assert summary.decoding["temperature"] == 0.6 and summary.decoding["top_p"] == 0.95
    assert "mine_sums" in shown.output and "66.7" in shown.output
    assert "12 of 12 responses have no number of tokens" in " ".join(shown.output.split())
    board = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["leaderboard", str(tmp_path / "out")])
    assert board.exit_code == 0 and "66.7" in board.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--samples", 2, "--temperature", 0), "samples is 2 at temperature 0"),
        (("--pass-at", "x"), "--pass-at is 'x', expected numbers such as 4,16"),
        (("--samples", 2, "--pass-at", "3"), "pass@3 of 2 responses"),
        (("--top-p", 0), "top_p is 0.0, expected a share"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments, said, own, tmp_path):
    refused = run("--model", "gold", "--base-url", "http://127.0.0.1:9/v1", "--sets", own, *arguments)
    assert refused.exit_code == 2 and said in " ".join(refused.output.split())


def test_the_default_holds_every_question_once_and_flaws_are_of_its_sets():
    assert set(SETS) - set(DEFAULT) == {"aime24", "amc23"} and set(FLAWED) <= set(DEFAULT)


def test_the_published_questions_are_all_there(published):
    task = read_task(published, SETS)
    counts = {name: sum(question.group == name for question in task.questions) for name in SETS}
    assert counts == ROWS and task.total == sum(ROWS.values())
    assert sum(question.flaw is not None for question in task.questions) == 12


def test_the_reference_solutions_come_out_perfect(published, gold_server, tmp_path):
    """By their published solutions where these end in an answer that can be found, the others by their answers."""
    task = read_task(published, SETS)
    answers = {}
    for name, (member,) in ((name, find_members([full])) for name, full in SETS.items()):
        path = member.path(published)
        solutions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for position, problem in enumerate(read_problems(name, path)):
            answer = f"The answer is $\\boxed{{{problem.answer}}}$."
            field = {"gsm8k": "answer", "math500": "solution", "minerva_math": "solution"}.get(name)
            answers[f"{name}/{position}"] = solutions[position][field] if field else answer
    known = {gold_server.conversation(question.messages): answers[question.id] for question in task.questions}
    summary, samples = evaluate(task, gold_server.GoldBackend(known), Decoding(), tmp_path)
    wrong = [(sample["id"], sample["answer"]) for sample in samples if not sample["correct"]]
    assert wrong == [("minerva_math/5#0", "np.arcsin(10/13)")]  # a reference in Python, which is read as LaTeX's
    shares = {score.name: score.value for score in summary.scores if score.name.endswith("/pass@1")}
    assert {name for name, value in shares.items() if value != 1} == {"minerva_math/pass@1"}
    assert len([note for note in summary.notes if "they count" in note]) == 4
