"""Whatever a model writes gets a finite score in range; what a reference answer gets wrong is an error."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gd2po.rewards.tool_calling import GroundTruthError, score

CALL = '{"name": "f", "parameters": {"a": 1}}'
GOLD = f"<think> t </think>\n<tool_call>\n{CALL}\n</tool_call>"
BOTH = f"{GOLD}\n<response> done </response>"
ANSWER = "<think> t </think>\n<response> done </response>"

PIECES = [
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "\n", " ", "word word", CALL,
    '{"name": "f", "parameters": {"a": 2, "b": NaN}}', '{"name": ["f"], "parameters": {}}', '{"name": "f"}', "[]", "{",
    '{"name": "f", "parameters": [1]}', '{"name": null, "parameters": null}', '{"name": 1e999, "parameters": 1}', "7",
]  # fmt: skip


def assert_in_range(response: str) -> None:
    for truth in (GOLD, BOTH, ANSWER, "<think> t </think>"):
        scores = score(response, truth)
        assert scores.keys() == {"correctness", "format", "length"}
        assert all(math.isfinite(value) for value in scores.values())
        assert -3 <= scores["correctness"] <= 3
        assert scores["format"] in (0, 1)
        assert 0 <= scores["length"] <= 1


@settings(max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join))
def test_any_mixture_of_tags_and_text_scores(response: str) -> None:
    assert_in_range(response)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("\n".join))
def test_any_tool_block_scores(lines: str) -> None:
    assert_in_range(f"<think> t </think>\n<tool_call>\n{lines}\n</tool_call>")


@settings(max_examples=200)
@given(st.text(st.characters(codec=None)))
def test_any_text_scores(response: str) -> None:
    assert_in_range(response)


@pytest.mark.parametrize("truth", [GOLD, BOTH, ANSWER, "<think> t </think>"])
def test_the_reference_answer_gets_full_marks(truth: str) -> None:
    scores = score(truth, truth)
    assert scores["format"] == 1
    assert scores["correctness"] == (3 if "<tool_call>" in truth else 0)


def block(text: str) -> str:
    return f"<think> t </think>\n<tool_call>\n{text}\n</tool_call>"


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        pytest.param(block("[" * 100_000), -3, id="deep nesting"),
        pytest.param(block('{"a":' * 50_000 + "1" + "}" * 50_000), -3, id="deep objects"),
        pytest.param(block("9" * 10_000), -3, id="huge integer"),
        pytest.param(block('{"name": "f", "parameters": {"a": NaN}}'), 1, id="NaN is a wrong value"),
        pytest.param(block('{"name": "f", "parameters": {"a": true}}'), 3, id="true equals 1"),
        pytest.param(block('{"name": "f", "parameters": {"a": 1.0}}'), 3, id="1.0 equals 1"),
        pytest.param(block('{"name": "f", "parameters": {"a": "1"}}'), 1, id="a string is not the number"),
        pytest.param(block('{"name": "f", "parameters": {"a": "\\ud800"}}'), 1, id="lone surrogate"),
        pytest.param(block(CALL + "\n" + CALL.replace('"f"', "{}")), -3, id="name is an object"),
        pytest.param(block(CALL + "\n" + CALL.replace('"f"', "null")), 2, id="name is null"),
        pytest.param(block(CALL + '\n{"name": "g"}'), 2, id="unwanted call without parameters"),
        pytest.param(block(CALL + '\n{"name": "f"}'), -3, id="wanted call without parameters"),
        pytest.param(block(CALL + "\n5"), -3, id="a number is not a call"),
        pytest.param(block(CALL.replace('"f"', '"F"')), -3, id="names keep their case"),
        pytest.param(f"</tool_call>{CALL}<tool_call>", -3, id="tags in reverse"),
        pytest.param(f"</tool_call>\n<tool_call>\n{CALL}", 3, id="only an earlier closing tag"),
        pytest.param(block(CALL)[:-1], -3, id="cut off before the end"),
        pytest.param(f" \n{block(CALL)}\n\n", 3, id="white space around"),
    ],
)
def test_odd_calls(response: str, correct: float) -> None:
    assert_in_range(response)
    assert score(response, GOLD)["correctness"] == pytest.approx(correct, abs=1e-9)


@pytest.mark.parametrize(
    ("response", "truth", "expected"),
    [
        pytest.param(f"<think>{ANSWER}", ANSWER, 1, id="second think inside think"),
        pytest.param("<think> a </think> b </think>\n<response> c </response>", ANSWER, 1, id="two think closes"),
        pytest.param("<think> <tool_call> </think>\n<response> c </response>", ANSWER, 1, id="foreign tag in think"),
        pytest.param(f"x{ANSWER}", ANSWER, 0, id="text before"),
        pytest.param(ANSWER.replace("\n", "\n\n"), ANSWER, 0, id="blank line between"),
        pytest.param(ANSWER.replace("\n", "\r\n"), ANSWER, 0, id="carriage return"),
        pytest.param(f"{ANSWER}\n<response> again </response>", ANSWER, 0, id="answer twice"),
        pytest.param("<think></think>\n<response></response>", ANSWER, 1, id="empty parts"),
        pytest.param("<think></think>\n<tool_call>\n\n</tool_call>", GOLD, 1, id="empty tool block"),
        pytest.param("<think></think>\n<tool_call>\n</tool_call>", GOLD, 0, id="tool block of one newline"),
        pytest.param(f"{ANSWER}\n{block(CALL)[19:]}", BOTH, 0, id="answer before tools"),
        pytest.param("<think>", "<think> t </think>", 0, id="think never closed"),
        pytest.param("<think> a </think>", "<think> t </think>", 1, id="think alone"),
    ],
)
def test_odd_shapes(response: str, truth: str, expected: int) -> None:
    assert score(response, truth)["format"] == expected


@pytest.mark.parametrize(
    ("words", "expected"), [(0, 0.0), (2, 0.0), (3, 0.01), (100, 0.2), (256, 0.5), (509, 0.99), (510, 1.0), (9999, 1.0)]
)
def test_length_counts_words(words: int, expected: float) -> None:
    assert score(f"<think>{' w' * words} </think>", ANSWER)["length"] == expected


def test_length_reads_the_last_think() -> None:
    assert score(f"<think>{' w' * 600}</think><think> one </think>", ANSWER)["length"] == 0
    assert score("</think>" + "<think>" + " w" * 256, ANSWER)["length"] == 0.5


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "piece", ["<think>", "</think>\n", "<think></think>\n<tool_call>\n", "<response>", CALL + "\n"]
)
def test_a_megabyte_is_scored(piece: str) -> None:
    """With the square of its length as time, the timeout would end it."""
    assert_in_range("<think> t </think>\n<tool_call>\n" + piece * (1_000_000 // len(piece)) + "</tool_call>")


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        (None, "NoneType"),
        ("", "none of <think>"),
        ("72", "'72'"),
        ("<tool_call>\n{}", "never closes"),
        (block("not json"), "lines of JSON"),
        (block(f"{CALL}\n\n{CALL}"), "lines of JSON"),
        (block("5"), "the call 5"),
        (block('{"name": "f"}'), '{"name": "f"}'),
        (block('{"name": 3, "parameters": {}}'), "expected"),
        (block('{"name": "f", "parameters": []}'), "expected"),
        (block('{"name": "f", "arguments": {}}'), 'rename "arguments" to "parameters"'),
        (f"{GOLD}\n<tool_call>\n{CALL}\n</tool_call>", "2 <tool_call> blocks, expected one with all calls"),
        (f"{GOLD}<tool_call>{CALL}</tool_call>\n<response> r </response><tool_call>\n{CALL}\n</tool_call>", "has 3"),
        (f"<tool_call>\n{CALL}\n<tool_call>\n{CALL}\n</tool_call>", "has 2"),
    ],
)
def test_a_bad_ground_truth_is_an_error(truth: str, says: str) -> None:
    with pytest.raises(GroundTruthError, match=says):
        score(GOLD, truth)


def test_a_reference_answer_may_tell_the_user_of_the_tag() -> None:
    """Text for the user is no tool block, and was never read as one."""
    assert score(GOLD, f"{GOLD}\n<response> i wrote <tool_call> </response>")["correctness"] == 3
