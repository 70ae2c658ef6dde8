"""The toy world of programs: problems that can be scored, splits without a common problem, every kind of answer."""

import json

import pyarrow.parquet as pq
import pytest

from gd2po.data.coding import read_own
from gd2po.errors import SettingsError
from gd2po.quickstart.worlds import folder as worlds_folder
from gd2po.quickstart.worlds.programs import Sizes, demonstrations, make_toy_code, problems
from gd2po.rewards.coding.blocks import program_of
from gd2po.rewards.coding.tests_of_row import read_tests


def test_solutions_compute_what_the_tests_expect():
    every = problems(1)
    assert len({each.problem.text for each in every}) == len(every) >= 100
    for each in every[:20]:
        tests = read_tests(each.problem.tests)
        for given, expected in zip(tests.inputs, tests.expected, strict=True):
            a, b = map(int, given.split())
            assert eval(each.expression, {"a": a, "b": b, "max": max, "min": min}) == int(expected)


def test_answers_are_right_wrong_broken_and_bare():
    outputs = [record["output"] for record in demonstrations(problems(1)[:8], 200, 1)]
    assert len({program_of(output) is None for output in outputs}) == 2
    assert any("/ 0" in output for output in outputs) and any("#" in output for output in outputs)


def test_the_files_of_the_world(tmp_path, monkeypatch):
    monkeypatch.setattr(worlds_folder, "build_policy", lambda shown, folder, *_, **__: folder.mkdir())
    make_toy_code(tmp_path / "toy", 1, sizes=Sizes(6, 4, 10))
    train, test = (pq.read_table(tmp_path / "toy" / f"{split}.parquet").to_pylist() for split in ("train", "test"))
    assert (len(train), len(test)) == (6, 4)
    assert not {json.dumps(row["prompt"]) for row in train} & {json.dumps(row["prompt"]) for row in test}
    assert len(read_own(tmp_path / "toy" / "test.jsonl")) == 4
    with pytest.raises(SettingsError, match="exists already"):
        make_toy_code(tmp_path / "toy", 1)
    with pytest.raises(SettingsError, match="fewer than"):
        make_toy_code(tmp_path / "other", 1, sizes=Sizes(10**6, 1, 1))
