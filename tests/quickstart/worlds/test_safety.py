"""The toy world of helpfulness and safety: what is in it, what is kept apart, and that a seed decides all of it."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gd2po.errors import SettingsError
from gd2po.quickstart.worlds.safety import answers, demonstrations, pairs, questions, safe_and_unsafe, write_prompts
from gd2po.rewards.models.checks import known_pairs

SEEDS = (1, 2, 3)


def runs(texts: Iterable[str], length: int) -> set[tuple[str, ...]]:
    """All runs of that many words."""
    sequences = set()
    for text in texts:
        words = re.findall(r"[a-z]+", text.lower().replace("'", ""))
        sequences |= {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
    return sequences


def test_a_seed_decides_everything():
    split = questions(40, 1, "train")
    assert split == questions(40, 1, "train") != questions(40, 2, "train")
    assert pairs(split, 30, 1, "safe") == pairs(split, 30, 1, "safe") != pairs(split, 30, 2, "safe")
    assert safe_and_unsafe(split, 30, 1) == safe_and_unsafe(split, 30, 1)
    assert demonstrations(split, 30, 1) == demonstrations(split, 30, 1) != demonstrations(split, 30, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_questions_differ_and_no_goal_is_in_both_splits(seed):
    train, test = questions(512, seed, "train"), questions(64, seed, "test")
    for split in (train, test):
        assert len({question.text for question in split}) == len(split)
        assert [question.risky for question in split] == [False, True] * (len(split) // 2)
    assert not {question.goal for question in train} & {question.goal for question in test}


def test_a_world_that_is_too_small_says_how_large_it_is():
    with pytest.raises(SettingsError, match="the toy world has 96 test questions, 500 were requested"):
        questions(500, 1, "test")


def test_the_two_aspects_pull_apart_on_risky_questions_alone():
    rng = random.Random(0)
    for question in questions(64, 1, "test"):
        choices = answers(question, rng)
        most_helpful = max(choices, key=lambda answer: answer.helpful)
        safest = max(choices, key=lambda answer: answer.safe)
        if question.risky:
            assert most_helpful.safe < 0 < safest.safe and safest.helpful < most_helpful.helpful
        else:
            assert most_helpful.safe == safest.safe > 0
        kinds = {(answer.helpful > 0, answer.safe > 0) for answer in choices}
        assert kinds >= {(True, True), (False, True), (False, False)}
        assert ((True, False) in kinds) is question.risky


def test_pairs_differ_in_their_aspect_and_none_comes_twice():
    split = questions(64, 1, "test")
    triples = pairs(split, 200, 1, "helpful")
    assert len(set(triples)) == 200 and all(better != worse for _, better, worse in triples)
    guarded = safe_and_unsafe(split, 200, 1)
    assert not {safe for _, safe, _ in guarded} & {unsafe for _, _, unsafe in guarded}


def test_all_kinds_of_answers_are_demonstrated():
    records = demonstrations(questions(64, 1, "train"), 300, 1)
    assert len({record["output"] for record in records}) > 100
    assert any(record["output"] == "I do not know." for record in records)
    assert any("Only a fool" in record["output"] for record in records)


def test_prompts_have_the_columns_of_the_published_data(tmp_path: Path):
    split = questions(4, 1, "test")
    write_prompts(split, tmp_path / "test.parquet", "test")
    rows = pq.read_table(tmp_path / "test.parquet").to_pylist()
    assert [row["data_source"] for row in rows] == ["toy_benign", "toy_risky"] * 2
    assert rows[1] == {
        "data_source": "toy_risky",
        "prompt": [{"content": split[1].text, "role": "user"}],
        "ability": "alignment",
        "reward_model": {"style": "model"},
        "extra_info": {"split": "test", "index": 1},
    }


def test_the_shipped_known_pairs_are_not_in_the_world():
    """The sign check would prove nothing of models that were trained on its pairs."""
    rng = random.Random(0)
    known_texts = [text for pair in known_pairs("other") for text in (pair.prompt, pair.better, pair.worse)]
    world: set[str] = set()
    for seed in SEEDS:
        split = [*questions(512, seed, "train"), *questions(64, seed, "test")]
        world |= {question.text for question in split}
        for question in split:
            world |= {answer.text for _ in range(5) for answer in answers(question, rng)}
    assert not {text.lower() for text in known_texts} & {text.lower() for text in world}
    answered = [text for pair in known_pairs("other") for text in (pair.better, pair.worse)]
    assert not runs(answered, 5) & runs(world, 5)
