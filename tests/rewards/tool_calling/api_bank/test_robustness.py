"""Whatever a model writes is scored, and the scores agree with each other."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gd2po.rewards.tool_calling.api_bank.scoring import score
from gd2po.rewards.tool_calling.api_bank.strict import outside_think, sole_call

RIGHT = {"name": "f", "parameters": {"a": "1"}}
ITEM = {"system": "1. Name: f\nDescription: d\nParameters: {'a': {'type': 'int'}}\n", "answer": RIGHT}
PIECES = [
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "\n", " ", "word word", "\u2028",
    json.dumps(RIGHT), json.dumps(RIGHT, indent=1), '{"name": "f", "parameters": {"a": 1}}', '{"a": "1"}', "[]", "{",
    '{"name": "f", "parameters": [1]}', '{"name": null, "parameters": null}', '"name parameters"', "null", "NaN", "7",
]  # fmt: skip
GOOD = f"<think> t </think>\n<tool_call>\n{json.dumps(RIGHT)}\n</tool_call>"


def check(output: str) -> None:
    scores = score(output, ITEM)
    assert all(scores[name] in (0, 1) for name in scores if name.endswith(("correct", "format")))
    assert 0 <= scores["length"] <= 1 and math.isfinite(scores["length"])
    assert isinstance(scores["think_words"], int) and scores["think_words"] >= 0
    if scores["strict_correct"]:
        assert sole_call(output) is not None
        assert outside_think(output).count("<tool_call>") == 1
    if scores["training_format"]:
        assert output.strip().startswith("<think>") and output.strip().endswith("</tool_call>")


@settings(max_examples=400)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join))
def test_any_mixture_of_tags_and_text_scores(output: str) -> None:
    check(output)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("\n".join))
def test_any_tool_block_scores(lines: str) -> None:
    check(f"<think> t </think>\n<tool_call>\n{lines}\n</tool_call>")


@settings(max_examples=200)
@given(st.text(st.characters(codec=None)))
def test_any_text_scores(output: str) -> None:
    check(output)


@settings(max_examples=200)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_value_scores(value: object) -> None:
    check(f"<tool_call>{json.dumps({'name': 'f', 'parameters': {'a': value}})}</tool_call>")


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join).filter(lambda text: "think>" not in text))
def test_what_stands_in_think_does_not_change_the_strict_score(text: str) -> None:
    assert score(GOOD.replace(" t ", f" {text} "), ITEM)["strict_correct"] == 1


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join).filter(lambda text: "<think>" not in text))
def test_a_second_block_is_never_strictly_right(text: str) -> None:
    assert score(f"{GOOD}{text}<tool_call>{json.dumps(RIGHT)}</tool_call>", ITEM)["strict_correct"] == 0
