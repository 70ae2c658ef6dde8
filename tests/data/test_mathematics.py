"""Problems of mathematics: published sets, a user's own file, bad references, benchmarks in training data."""

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.data.catalogue import find_members
from gd2po.data.fetching import fetch
from gd2po.data.math_rows import SCHEMA, prepare_own, prepare_problems, read_own
from gd2po.data.mathematics import LAYOUTS, Problem, plain_number, read_problems
from gd2po.data.mathematics_files import BENCHMARKS, held_out_below
from gd2po.data.overlap import HeldOut
from gd2po.data.recipes import prepare_named
from gd2po.errors import DataError
from gd2po.rewards.math import compute_score

SETS = ("gsm8k", "math", *dict.fromkeys(name.partition("/")[0] for name in BENCHMARKS))
NOBODY = HeldOut({})


def bring(source, root, *names):
    for member in find_members(names):
        fetch(member, root, source=source)


@pytest.fixture
def made(made_sets, tmp_path):
    root = tmp_path / "dataset"
    bring(made_sets, root, *SETS, "deepscaler")
    return root


def rows(path):
    return pq.read_table(path).to_pylist()


def test_every_set_becomes_rows_with_one_schema(made):
    for name in ("gsm8k", "math", "math500", "aime22_24", "aime24", "aime25", "amc22_23", "amc23", "deepscaler"):
        for report in prepare_named(name, made).reports:
            assert pq.read_schema(report.destination) == SCHEMA
            for row in rows(report.destination):
                truth = row["reward_model"]["ground_truth"]
                extra = row["extra_info"] | {"response_tokens": 5}
                scores = compute_score(row["data_source"], f"\\boxed{{{truth}}}", truth, extra)
                assert scores["correctness"] == 1 and row["data_source"] == name


def test_problems_of_a_benchmark_are_left_out_of_training_by_name(made):
    (report,) = prepare_named("math/train", made).reports
    assert (report.read, report.written) == (5, 2)
    reasons = {problem.row: problem.reason for problem in report.dropped}
    assert reasons[0] == reasons[1] == "its problem is one of math500/test, and would leak into training"
    assert reasons[2].startswith("the reference answer is ''")
    assert [row["extra_info"]["index"] for row in rows(report.destination)] == [3, 4] and report.notes == ()


def test_the_problems_of_math_500_are_kept_apart_or_nothing_is_made(made):
    find_members(["math500/test"])[0].path(made).unlink()
    with pytest.raises(DataError, match=r"math/train\.parquet needs math500/test"):
        prepare_named("math", made)


def test_a_benchmark_that_is_not_here_is_said_not_to_have_been_looked_for(made):
    find_members(["aime25/test"])[0].path(made).unlink()
    (report,) = prepare_named("gsm8k/train", made).reports
    assert report.notes[0].startswith("aime25/test is not here")


def test_tags_are_asked_for_where_the_format_reward_scores_them(made):
    box, tags = (rows(prepare_named(f"gsm8k/{name}", made).reports[0].destination) for name in ("train", "train_tags"))
    assert "\\boxed{}" in box[0]["prompt"][0]["content"] and "<answer>" in tags[0]["prompt"][0]["content"]
    assert [row["reward_model"] for row in box] == [row["reward_model"] for row in tags]


def test_a_file_of_another_set_is_refused_with_its_row(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"question": "q", "answer": "#### 1"}\n{"ask": 1}\n')
    with pytest.raises(DataError, match="row 1 is no problem of gsm8k"):
        read_problems("gsm8k", path)


@pytest.mark.parametrize(
    ("answer", "text"),
    [(27.0, "27"), ("27.0", "27"), ("025", "025"), ("52_8", "52_8"), (" 1.50 ", "1.50"), (7, "7"), ("1e5", "1e5")],
)
def test_an_answer_stays_what_it_is(answer, text):
    assert plain_number(answer) == text


def test_every_layout_reads_its_made_file(made):
    for name in LAYOUTS:
        (member, *_) = find_members([name])
        problems = read_problems(name, member.path(made))
        assert [problem.answer for problem in problems][-1] == str(len(problems))


BAD = [
    ({"problem": "p", "answer": ""}, "the reference answer is ''"),
    ({"problem": "p", "answer": "\\frac{1}{2"}, "cannot be parsed"),
    ({"problem": "p", "answer": "1}{2"}, "cannot be parsed"),
    ({"problem": "p", "answer": "?"}, "cannot be parsed"),
    ({"problem": "p", "answer": "7" * 501}, "has 501 characters"),
    ({"problem": " ", "answer": "7"}, "the problem is empty"),
    ({"problem": "p"}, "answer is missing"),
    ({"problem": "p", "answer": "7", "anwser": "8"}, "unknown key anwser"),
    ({"problem": 3, "answer": "7"}, "problem: found 3"),
    ({"problem": "What is 0+1 of aime24/test", "answer": "1"}, "its problem is one of aime24/test"),
]


@pytest.mark.parametrize(("record", "reason"), BAD, ids=[reason[:20] for _, reason in BAD])
def test_a_bad_row_is_refused_by_its_number_and_dropped_on_request(record, reason, made, tmp_path):
    file = tmp_path / "own.json"
    file.write_text(json.dumps([{"problem": "fine", "answer": 7}, record]))
    given = {"split": "train", "wording": "box", "held_out": held_out_below(made)}
    with pytest.raises(DataError, match="1 of 2 rows cannot be trained on") as refusal:
        prepare_own(file, tmp_path / "own.parquet", drop_bad=False, **given)
    assert "row 1: " in str(refusal.value) and reason in str(refusal.value)
    report = prepare_own(file, tmp_path / "own.parquet", drop_bad=True, **given)
    assert report.written == 1 and reason in report.dropped[0].reason
    assert rows(report.destination)[0]["reward_model"]["ground_truth"] == "7"


def test_evaluating_on_an_own_file_names_the_bad_row_too(tmp_path):
    file = tmp_path / "own.jsonl"
    file.write_text('{"problem": "p", "answer": "1.50"}\n{"problem": "q", "answer": ""}\n')
    with pytest.raises(DataError, match="row 1: the reference answer"):
        read_own(file)
    file.write_text('{"problem": "p", "answer": "1.50"}\n')
    assert read_own(file) == [Problem("p", "1.50")]


def test_a_problem_is_put_into_its_wording_as_it_stands(tmp_path):
    report = prepare_problems(
        [Problem("Is {x} in \\{1\\}?", "x")], tmp_path / "x.parquet", source="s", split="t", wording="box"
    )
    assert rows(report.destination)[0]["prompt"][0]["content"].startswith("Is {x} in \\{1\\}?\n\nPlease reason")


def test_the_command_prepares_an_own_file(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text('{"problem": "p", "answer": "7"}\n')

    def run(*arguments):
        return CliRunner().invoke(app, ["data", "prepare", *arguments])

    shown = run("own.jsonl", "--wording", "tags")
    assert shown.exit_code == 0 and "own.parquet: 1 of 1 rows (1 own)" in shown.output
    assert "<answer>" in rows(tmp_path / "own.parquet")[0]["prompt"][0]["content"]
    for arguments, said in (
        (("own.jsonl", "--sft"), "--sft is for dialogues"),
        (("own.jsonl", "--wording", "tgas"), "unknown wording 'tgas'. Did you mean 'tags'"),
        (("gsm8k", "--wording", "tags"), "--wording are for a file of your own"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 2 and said in " ".join(refused.output.split())


def test_a_file_without_known_checksum_is_recognised_by_its_rows(made_sets, tmp_path):
    (member,) = find_members(["deepscaler/train"])
    assert str(member.checksum) == "no known checksum"
    fetch(member, tmp_path, source=made_sets)
    assert member.find_fault(tmp_path) is None
    member.path(tmp_path).unlink()
    (made_sets / "deepscaler" / "deepscaler.json").write_text("[1]")
    with pytest.raises(DataError, match="has 1 rows, expected 3"):
        fetch(member, tmp_path, source=made_sets)


def test_a_file_is_found_under_another_name_by_its_size_and_checksum(made_sets, tmp_path):
    from dataclasses import replace

    (member,) = find_members(["gsm8k/test"])
    path = made_sets / "gsm8k" / member.file
    member = replace(member, size=path.stat().st_size)
    path.rename(path.with_name("renamed.txt"))
    fetch(member, tmp_path, source=made_sets)
    assert member.find_fault(tmp_path) is None


# -- The real files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def published(public_file, tmp_path):
    """The published files that are on this machine, in the folder of the data sets."""
    root = tmp_path / "published"
    source = public_file("minerva_math/**/test.jsonl").parents[1]
    bring(source, root, *SETS)
    return root


def test_the_published_sets_are_whole_and_share_what_their_cards_say(published):
    counts = {}
    for name in ("gsm8k", "math", "math500", "aime24", "amc23"):
        for report in prepare_named(name, published).reports:
            counts[f"{name}/{report.destination.stem}"] = (report.read, report.written)
    assert counts == {
        "gsm8k/train": (7473, 7473),
        "gsm8k/train_tags": (7473, 7473),
        "gsm8k/test": (1319, 1319),
        "gsm8k/test_tags": (1319, 1319),
        "math/train": (5000, 4499),
        "math500/test": (500, 500),
        "aime24/test": (30, 30),
        "amc23/test": (40, 40),
    }
