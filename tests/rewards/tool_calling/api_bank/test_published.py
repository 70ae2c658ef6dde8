"""The leniency of the published scores, case by case."""

import pytest

from gd2po.rewards.tool_calling.api_bank.scoring import score

RIGHT = {"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}
WRONG = {"name": "Hire", "parameters": {"city": "Oslo"}}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([RIGHT], 1, id="the wanted call"),
        pytest.param([WRONG], 0, id="another call"),
        pytest.param([WRONG, RIGHT], 1, id="wrong, then right"),
        pytest.param([RIGHT, *[WRONG] * 5], 1, id="right, then five wrong"),
        pytest.param([RIGHT["parameters"]], 1, id="parameters without a name"),
        pytest.param([RIGHT | {"comment": "more"}], 1, id="another key"),
        pytest.param([{"name": "Book", "arguments": RIGHT["parameters"]}], 0, id="arguments for parameters"),
        pytest.param([{"name": "Book", "parameters": {"city": "Oslo", "rooms": 2}}], 0, id="a number for its digits"),
        pytest.param(["5", RIGHT], 0, id="a number ends the search"),
        pytest.param(["null", RIGHT], 0, id="null ends the search"),
        pytest.param([RIGHT, "5"], 1, id="nothing is read after the right call"),
        pytest.param(['"word"', RIGHT], 0, id="a string that is no JSON ends the search"),
        pytest.param(['"{}"', RIGHT], 1, id="a string of JSON does not"),
        pytest.param(['["name", "parameters"]', RIGHT], 0, id="a list of both keys ends the search"),
        pytest.param([[RIGHT], RIGHT], 1, id="another list does not"),
        pytest.param([[RIGHT]], 0, id="a list is no call"),
        pytest.param(['{"name": "Hire", "parameters": {', "", RIGHT], 1, id="lines that are no JSON are skipped"),
        pytest.param(["[" * 100_000, RIGHT], 1, id="so are lines that nest too deep"),
        pytest.param(["{", '"name": "Book",', '"parameters": {"city": "Oslo", "rooms": "2"}}'], 0, id="several lines"),
    ],
)
def test_soft_match(item, reply, lines, expected) -> None:
    assert score(reply(*lines), item)["published_correct"] == expected


def test_an_object_is_enough_where_no_parameter_is_wanted(item, reply) -> None:
    clock = item | {"answer": {"name": "Clock", "parameters": {}}}
    assert score(reply("{}"), clock)["published_correct"] == 1


def test_only_the_first_block_is_read(item, reply) -> None:
    assert score(f"{reply(WRONG)}\n{reply(RIGHT)}", item)["published_correct"] == 0
    assert score(f"{reply(RIGHT)}\n{reply(WRONG)}", item)["published_correct"] == 1


def test_both_tags_are_needed(item, reply) -> None:
    assert score(reply(RIGHT).removesuffix("</tool_call>"), item)["published_correct"] == 0
    assert score(reply(RIGHT).replace("<tool_call>", ""), item)["published_correct"] == 0


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("<think>a</think><response>b</response>", 1, id="answer only"),
        pytest.param("x <think>a</think> y <tool_call>z</tool_call> <response>b</response> c", 1, id="text anywhere"),
        pytest.param("<think>a</think>", 0, id="think only"),
        pytest.param("<tool_call>z</tool_call>", 0, id="no think"),
        pytest.param("<response>b</response><think>a</think>", 0, id="think last"),
        pytest.param("<think>a</think><response>b</response><tool_call>z</tool_call>", 0, id="answer before calls"),
        pytest.param("<think>a<tool_call>z</tool_call></think>", 0, id="calls inside think"),
        pytest.param("<think>a</think><tool_call>z</tool_call><tool_call>z</tool_call>", 0, id="two blocks"),
        pytest.param("<think>a</think><tool_call>z<response>b</response></tool_call>", 0, id="answer inside calls"),
        pytest.param("<think>a</think><tool_call>z", 0, id="never closed"),
        pytest.param("</think>a<think><response>b</response>", 0, id="closed before opened"),
        pytest.param("<think>a</think></response>b<response>", 0, id="answer closed before opened"),
    ],
)
def test_loose_format(item, output, expected) -> None:
    assert score(output, item)["published_format"] == expected


@pytest.mark.parametrize(
    ("output", "words", "length"),
    [
        pytest.param("<think> a b </think> <think> c </think>", 2, 0.0, id="the first part counts"),
        pytest.param("<think> a <think> b </think>", 3, 0.01, id="a tag inside is a word"),
        pytest.param("<think> a<think>b </think>", 1, 0.0, id="or part of one"),
        pytest.param("</think> a <think> b c d </think>", 0, 0.0, id="a closing tag first"),
        pytest.param("<think> never closed", 0, 0.0, id="never closed"),
        pytest.param(f"<think>{' w' * 256}</think>", 256, 0.5, id="half the target"),
        pytest.param(f"<think>{' w' * 600}</think>", 600, 1.0, id="more than the target"),
    ],
)
def test_length_of_the_first_think_part(item, output, words, length) -> None:
    scores = score(output, item)
    assert (scores["think_words"], scores["length"]) == (words, length)
