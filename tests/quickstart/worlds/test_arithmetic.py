"""`gd2po toy-math`: its problems and answers, and a miniature of the folder."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gd2po.data.math_rows import read_own
from gd2po.errors import SettingsError
from gd2po.quickstart.warm_start import WarmStart
from gd2po.quickstart.worlds.arithmetic import Sizes, demonstrations, make_toy_math, problems
from gd2po.rewards.math import MathOptions, score

TAGS = MathOptions(style="tags", format="tags")


def test_every_problem_has_the_answer_that_its_thoughts_reach():
    every = problems(1)
    assert len(every) == len({problem.text for problem in every}) > 1000
    assert all(
        problem.result > 0 and f"= {problem.result}" in thought for problem in every for thought in problem.thoughts
    )
    assert problems(1) == every != problems(2)


def test_demonstrations_vary_in_every_reward_and_thoughts_help():
    every = problems(1)
    shown = demonstrations(every, 1000, 1)
    results = {problem.text: str(problem.result) for problem in every}
    scores = [
        (
            score(record["output"], results[record["input"].partition("\n")[0]], TAGS),
            "<think></think>" in record["output"],
        )
        for record in shown
    ]
    shares = {name: sum(each[name] for each, _ in scores) / 1000 for name in ("correctness", "format")}
    assert 0.3 < shares["correctness"] < 0.8 and 0.6 < shares["format"] < 0.9
    short = [each["correctness"] for each, empty in scores if empty]
    long = [each["correctness"] for each, empty in scores if not empty and each["format"]]
    assert sum(long) / len(long) > sum(short) / len(short) + 0.2


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature") / "toy"
    make_toy_math(folder, 1, sizes=Sizes(16, 8, 32), warm_start=WarmStart(epochs=1))
    return folder


def test_it_makes_all_that_a_run_and_an_evaluation_need(miniature):
    assert {path.name for path in miniature.iterdir()} == {"train.parquet", "test.parquet", "test.jsonl", "policy"}
    train, test = (pq.read_table(miniature / f"{split}.parquet").to_pylist() for split in ("train", "test"))
    assert (len(train), len(test)) == (16, 8)
    texts = [{row["prompt"][0]["content"] for row in rows} for rows in (train, test)]
    assert not texts[0] & texts[1]
    own = read_own(miniature / "test.jsonl")
    assert [problem.answer for problem in own] == [row["reward_model"]["ground_truth"] for row in test]
    assert json.loads((miniature / "policy" / "config.json").read_text())["max_position_embeddings"] == 256


def test_a_folder_that_is_there_and_a_world_that_is_too_small_are_refused(miniature, tmp_path):
    with pytest.raises(SettingsError, match="exists already"):
        make_toy_math(miniature, 1)
    with pytest.raises(SettingsError, match=r"the toy world has \d+ problems, fewer than"):
        make_toy_math(tmp_path / "new", 1, sizes=Sizes(10**6))
