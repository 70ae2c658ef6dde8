"""The strict score: one call, the wanted one, in a readable block outside the think part."""

import json

import pytest

from gd2po.rewards.tool_calling.api_bank.scoring import score

PARAMETERS = {"city": "Oslo", "rooms": "2"}
RIGHT = {"name": "Book", "parameters": PARAMETERS}
WRONG = {"name": "Hire", "parameters": {}}


def call(**parameters: object) -> dict:
    return {"name": "Book", "parameters": parameters}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([RIGHT], 1, id="the wanted call"),
        pytest.param([json.dumps(RIGHT, indent=2)], 1, id="on several lines"),
        pytest.param([call(rooms="2", city="Oslo")], 1, id="parameters in another order"),
        pytest.param([call(city="Oslo", rooms=2)], 1, id="a number where an int is declared"),
        pytest.param([call(city="Oslo", rooms=3)], 0, id="another number"),
        pytest.param([call(city="oslo", rooms="2")], 0, id="another case"),
        pytest.param([call(city="Oslo")], 0, id="a parameter less"),
        pytest.param([call(city="Oslo", rooms="2", view="sea")], 0, id="a parameter more"),
        pytest.param([WRONG], 0, id="another call"),
        pytest.param([WRONG, RIGHT], 0, id="wrong, then right"),
        pytest.param([RIGHT, RIGHT], 0, id="right twice"),
        pytest.param([PARAMETERS], 0, id="no name"),
        pytest.param([RIGHT | {"comment": "more"}], 0, id="another key"),
        pytest.param([{"name": "Book", "arguments": PARAMETERS}], 0, id="arguments for parameters"),
        pytest.param([{"name": ["Book"], "parameters": PARAMETERS}], 0, id="a list of names"),
        pytest.param([{"name": "Book", "parameters": [PARAMETERS]}], 0, id="a list of parameters"),
        pytest.param([[RIGHT]], 0, id="a list of one call"),
        pytest.param(["Here it is:", RIGHT], 0, id="other text in the block"),
        pytest.param([RIGHT, "5"], 0, id="a number in the block"),
        pytest.param(["{"], 0, id="no JSON"),
        pytest.param([], 0, id="an empty block"),
        pytest.param(
            ['{"name": "Hire", "name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}'], 0, id="2 names"
        ),
        pytest.param(
            ['{"name": "Book", "parameters": {"city": "Rome", "city": "Oslo", "rooms": "2"}}'], 0, id="2 cities"
        ),
    ],
)
def test_one_right_call(item, reply, lines, expected) -> None:
    assert score(reply(*lines), item)["strict_correct"] == expected


BLOCK = f"<tool_call>{json.dumps(RIGHT)}</tool_call>"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(BLOCK, 1, id="no think part"),
        pytest.param(f"<think>a</think> so {BLOCK} <response>b</response>", 1, id="text and an answer around"),
        pytest.param(f"the prompt opened it</think>{BLOCK}", 1, id="think part opened by the prompt"),
        pytest.param(f"<think>maybe {BLOCK}</think>{BLOCK}", 1, id="a call in think does not count"),
        pytest.param(f"maybe {BLOCK}</think>{BLOCK}", 1, id="nor where the prompt opened it"),
        pytest.param(f"<think>maybe <tool_call></think>{BLOCK}", 1, id="nor does a tag in think"),
        pytest.param(f"<think>{BLOCK}</think>", 0, id="a call in think only"),
        pytest.param(f"<think>{BLOCK}", 0, id="think never closed"),
        pytest.param(f"{BLOCK}<think>maybe {BLOCK}", 1, id="a second think, never closed"),
        pytest.param(f"<think>a</think>{BLOCK}{BLOCK}", 0, id="two blocks"),
        pytest.param(f"<think>a</think>{BLOCK}<think>b</think>{BLOCK}", 0, id="two blocks, two thinks"),
        pytest.param(f"<think>a</think>{BLOCK}</tool_call>", 0, id="closed twice"),
        pytest.param(BLOCK.removesuffix("</tool_call>"), 0, id="never closed"),
        pytest.param(f"</tool_call>{json.dumps(RIGHT)}<tool_call>", 0, id="closed before opened"),
        pytest.param(BLOCK.replace("l_c", "l<think></think>_c"), 0, id="removing think makes no tag"),
        pytest.param(json.dumps(RIGHT), 0, id="no tags"),
    ],
)
def test_one_block_outside_think(item, output, expected) -> None:
    assert score(output, item)["strict_correct"] == expected


def test_the_training_format_is_that_of_the_format_reward(item, reply) -> None:
    assert score(reply(WRONG), item)["training_format"] == 1
    assert score(f"{reply(WRONG)}\n<response> done </response>", item)["training_format"] == 0
    assert score(BLOCK, item)["training_format"] == 0


def test_white_space_around_an_answer_is_ignored(item, reply) -> None:
    assert score(f"\n {reply(RIGHT)} \n", item) == score(reply(RIGHT), item)


def test_a_parameter_of_a_tool_that_is_not_offered_must_be_equal(item, reply) -> None:
    absent = item | {"answer": {"name": "Rent", "parameters": {"rooms": "2"}}}
    assert score(reply({"name": "Rent", "parameters": {"rooms": "2"}}), absent)["strict_correct"] == 1
    assert score(reply({"name": "Rent", "parameters": {"rooms": 2}}), absent)["strict_correct"] == 0
