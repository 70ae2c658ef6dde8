"""Programming problems: published sets, a user's own file, bad tests, benchmarks in training data."""

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.data.catalogue import find_members
from gd2po.data.coding import read_eurus, read_humaneval, read_mbpp
from gd2po.data.coding_files import held_out_below
from gd2po.data.coding_rows import MOST_TESTS, prepare_own
from gd2po.data.fetching import fetch
from gd2po.data.math_rows import SCHEMA
from gd2po.data.overlap import HeldOut
from gd2po.data.recipes import prepare_named
from gd2po.errors import DataError
from gd2po.rewards.coding.tests_of_row import read_tests

NOBODY = HeldOut({})


@pytest.fixture
def made(made_sets, tmp_path):
    root = tmp_path / "dataset"
    for member in find_members(["mbpp", "humaneval", "eurus2_rl"]):
        fetch(member, root, source=made_sets)
    return root


def rows(path):
    return pq.read_table(path).to_pylist()


def test_every_set_becomes_rows_with_one_schema(made):
    for name in ("mbpp", "humaneval", "eurus2_rl"):
        for report in prepare_named(name, made).reports:
            assert pq.read_schema(report.destination) == SCHEMA
            for row in rows(report.destination):
                assert read_tests(row["reward_model"]["ground_truth"]).inputs
                assert row["data_source"] == name and row["ability"] == "code"


def test_mbpp_is_divided_by_its_numbers_and_its_test_part_is_kept_out_of_training(made):
    train, validation, test = prepare_named("mbpp", made).reports
    assert [report.written for report in (train, validation, test)] == [2, 1, 2]
    (dropped,) = train.dropped
    assert (dropped.row, dropped.reason) == (1, "its problem is one of mbpp/test, and would leak into training")
    prompt = rows(train.destination)[0]["prompt"][0]["content"]
    assert "assert add(1) == 602" in prompt and "assert add(2)" not in prompt


def test_eurus_is_read_without_its_mathematics_and_its_system_message(made):
    report = prepare_named("eurus2_rl/train", made).reports[0]
    first, second = rows(report.destination)
    assert [message["role"] for message in first["prompt"]] == ["user"]
    assert first["prompt"][0]["content"].startswith("Add one.")
    assert len(read_tests(first["reward_model"]["ground_truth"]).inputs) == MOST_TESTS
    assert read_tests(second["reward_model"]["ground_truth"]).entry == "f"
    (dropped,) = report.dropped
    assert "there is no test" in dropped.reason


def test_a_parquet_file_of_another_layout_is_refused(tmp_path):
    import pyarrow as pa

    rows = [{"ability": "code", "prompt": [{"role": "system", "content": "x"}], "reward_model": {"ground_truth": "1"}}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="row 0 of row group 0 is no problem of Eurus-2-RL"):
        list(read_eurus(tmp_path / "x.parquet"))


def test_solutions_come_with_the_problems(made_sets):
    (mbpp,) = read_mbpp(made_sets / "mbpp" / "mbpp.jsonl", "validation")
    assert mbpp.solution == "def add(x):\n  return x + 511"
    assert read_humaneval(made_sets / "humaneval" / "HumanEval.jsonl.gz")[1].solution.endswith("return x + 1\n")


def test_a_file_of_ones_own(made, tmp_path):
    file = tmp_path / "own.jsonl"
    good = {"problem": "Print the number.", "tests": {"inputs": ["1"], "outputs": ["1"]}}
    leak = {"problem": "Write a function to add 12 .", "tests": {"test_list": ["assert add(1) == 13"]}}
    empty = {"problem": "Print.", "tests": {"inputs": [], "outputs": []}}
    file.write_text("\n".join(map(json.dumps, [good, leak, empty, {"problem": "x"}, {"problem": "x", "test": 1}])))
    with pytest.raises(DataError, match="4 of 5 rows cannot be trained on"):
        prepare_own(file, tmp_path / "own.parquet", split="train", held_out=held_out_below(made), drop_bad=False)
    shown = CliRunner().invoke(app, ["data", "prepare", str(file), "--drop-bad", "--in", str(made)])
    assert shown.exit_code == 0, shown.output
    (row,) = rows(tmp_path / "own.parquet")
    assert json.loads(row["reward_model"]["ground_truth"]) == good["tests"]
    assert "standard input" in row["prompt"][0]["content"] and row["data_source"] == "own"


def test_absent_benchmarks_are_said_not_to_have_been_looked_for(tmp_path):
    assert "humaneval/test, mbpp/all are not here" in held_out_below(tmp_path).notes()[0]
