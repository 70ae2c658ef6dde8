"""The synthetic dialogues: same seed same rows, perfect references, imitable answers of every quality."""

import itertools
import re

import pytest

from gd2po.quickstart.worlds.dialogues import SMALL_TALK, TOOLS, demonstrations, generate
from gd2po.rewards.tool_calling import score
from gd2po.rewards.tool_calling.length import think_words

RECORDS = generate(1000, seed=3)


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]|\n", text)


def scores(answers: list[dict[str, str]]) -> list[dict[str, float]]:
    return [score(answer["output"], record["output"]) for answer, record in zip(answers, RECORDS, strict=True)]


def test_a_seed_decides_everything() -> None:
    assert generate(50, seed=1) == generate(50, seed=1) != generate(50, seed=2)
    assert generate(50, seed=1) == generate(80, seed=1)[:50]
    first, again, other = (demonstrations(RECORDS, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_references_are_perfect() -> None:
    for record, scored in zip(RECORDS, scores(RECORDS), strict=True):
        assert scored["format"] == 1
        assert scored["correctness"] == (3 if "<tool_call>" in record["output"] else 0)


def test_kinds_and_sizes_are_as_promised() -> None:
    calls = [record["output"].count('"name"') for record in RECORDS]
    shares = [calls.count(number) / len(calls) for number in (0, 1, 2)]
    assert shares == pytest.approx([0.15, 0.65, 0.2], abs=0.05)
    assert max(len(tokens(record["instruction"] + record["input"])) for record in RECORDS) <= 100
    assert max(len(record["output"].split()) for record in RECORDS) <= 40
    assert len(set(itertools.chain.from_iterable(tokens(text) for item in RECORDS for text in item.values()))) < 200


def test_every_tool_and_every_small_talk_occurs_and_is_answerable() -> None:
    text = "\n".join(record["output"] for record in RECORDS)
    assert all(f'"name": "{name}"' in text for name in TOOLS)
    assert all(answer in text for answer in SMALL_TALK.values())
    for record in RECORDS:
        for name in re.findall(r'"name": "(\w+)"', record["output"]):
            assert f"Name: {name}\n" in record["instruction"]
        for value in re.findall(r'": "?(\w+)"?[,}]', record["output"].split('"parameters"')[-1]):
            assert value in record["input"]


def test_parameters_take_their_first_values_where_so_many_are_allowed() -> None:
    text = "\n".join(record["output"] for record in generate(500, seed=3, most_values=2))
    assert set(re.findall(r'"city": "(\w+)"', text)) == {"paris", "tokyo"}
    assert set(re.findall(r'"minutes": (\d+)', text)) == {"1", "2"}


def test_demonstrations_without_a_fault_differ_from_the_reference_in_thought_only() -> None:
    answers = demonstrations(RECORDS, seed=0, long_thought=(3, 40))
    assert all(scored["format"] == 1 and scored["correctness"] in (0, 3) for scored in scores(answers))
    words = [think_words(answer["output"]) for answer in answers]
    assert (min(words), max(words)) == (3, 40)
    assert [answer["input"] for answer in answers] == [record["input"] for record in RECORDS]


def test_faults_of_the_three_rewards_are_independent_of_each_other() -> None:
    answers = demonstrations(RECORDS, 0, fault_share=0.6, short_thought=3, long_thought=(4, 8))
    scored = scores(answers)
    faults = [
        (think_words(answer["output"]) == 3, item["format"] == 0, item["correctness"] < 3)
        for answer, item in zip(answers, scored, strict=True)
        if "<tool_call>" in answer["output"]
    ]
    shares = [sum(column) / len(faults) for column in zip(*faults, strict=True)]
    assert shares == pytest.approx([0.6, 0.6, 0.6], abs=0.08)
    assert sum(map(all, faults)) / len(faults) == pytest.approx(0.6**3, abs=0.06)


def test_think_length_is_a_parameter() -> None:
    answers = demonstrations(RECORDS[:50], 0, fault_share=1, short_thought=7)
    assert {think_words(answer["output"]) for answer in answers} == {7}


def test_without_a_fault_the_answers_are_right() -> None:
    answers = demonstrations(RECORDS, 0, long_thought=(8, 8))
    assert {think_words(answer["output"]) for answer in answers} == {8}
    assert all(item["format"] == 1 and item["correctness"] in (0, 3) for item in scores(answers))
