"""A user's own file: two layouts, and every fault named."""

import json

import pytest

from gd2po.data.checks import RowProblem
from gd2po.data.layouts import read_texts
from gd2po.data.records import Texts
from gd2po.data.tool_calling import prepare
from gd2po.rewards.tool_calling import score
from gd2po.rewards.tool_calling.grammar import read_ground_truth

WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
CALL = {"name": "weather", "parameters": {"city": "Zürich"}}
ASKED = [{"role": "user", "content": "How is the weather in Zürich?"}]
DIALOGUE = {"tools": [{"type": "function", "function": WEATHER | {"strict": True}}], "messages": ASKED, "calls": [CALL]}
TEXTS = {"instruction": "i", "input": "u", "output": "<think> t </think>\n<response> r </response>"}


def texts(record, **options) -> Texts:
    [row] = read_texts([record], **options)
    assert isinstance(row, Texts), row
    return row


def reason(*records, **options) -> str:
    problem = read_texts(records, **options)[-1]
    assert isinstance(problem, RowProblem) and problem.row == len(records) - 1
    return problem.reason


def test_a_dialogue_becomes_prompt_and_reference():
    converted = texts(DIALOGUE)
    assert '1. Name: weather\nDescription: \nParameters: {"city": {"type": "string"}}' in converted.instruction
    assert converted.input == "**Dialogue Records History**\n<user> How is the weather in Zürich? </user>"
    assert read_ground_truth(converted.output).calls == [CALL]
    assert "Zürich" in converted.output
    assert score(converted.output, converted.output)["format"] == 1


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        ({"response": " hello "}, "<think> no thought is given </think>\n<response> hello </response>"),
        (
            {"calls": [CALL, CALL], "think": "both"},
            f"<think> both </think>\n<tool_call>\n{2 * (json.dumps(CALL, ensure_ascii=False) + chr(10))}</tool_call>",
        ),
        (
            {"calls": [CALL], "response": "wait"},
            "<think> no thought is given </think>\n<tool_call>\n"
            f"{json.dumps(CALL, ensure_ascii=False)}\n</tool_call>\n<response> wait </response>",
        ),
    ],
)
def test_the_reference_is_in_the_grammar(answer, shape):
    plain = {key: value for key, value in DIALOGUE.items() if key != "calls"}
    assert texts(plain | answer).output == shape


def test_the_history_is_in_the_markup_of_training():
    first = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    second = {"id": "c2", "function": {"name": "clock", "arguments": {}}}
    messages = [
        {"role": "system", "content": "Today is Monday."},
        {"role": "user", "content": "Weather in Oslo, and the time?"},
        {"role": "assistant", "content": None, "tool_calls": [first, second]},
        {"role": "tool", "tool_call_id": "c2", "content": "noon"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"celsius": 3}'},
        {"role": "assistant", "content": "3 degrees, noon."},
        {"role": "user", "content": "Again?"},
        {"role": "assistant", "content": "Sure.", "tool_calls": [second | {"id": "c1"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "name": "weather", "content": "[]"},
    ]
    converted = texts(DIALOGUE | {"messages": messages})
    assert converted.instruction.endswith("stand in the dialogue as `<obs>`.\n\nToday is Monday.")
    assert converted.input.split("\n") == [
        "**Dialogue Records History**",
        "<user> Weather in Oslo, and the time? </user>",
        "<tool_call>",
        '{"name": "weather", "parameters": {"city": "Oslo"}}',
        '{"name": "clock", "parameters": {}}',
        "</tool_call>",
        '<obs> [{"name": "clock", "results": "noon"}, {"name": "weather", "results": {"celsius": 3}}] </obs>',
        "<response> 3 degrees, noon. </response>",
        "<user> Again? </user>",
        "<tool_call>",
        '{"name": "clock", "parameters": {}}',
        "</tool_call>",
        "<response> Sure. </response>",
        '<obs> [{"name": "clock", "results": "one"}, {"name": "weather", "results": []}] </obs>',
    ]


def test_tools_without_a_schema_may_be_called_with_anything():
    bare = DIALOGUE | {"tools": [{"name": "weather"}]}
    assert read_ground_truth(texts(bare).output).calls == [CALL]


def past(arguments) -> dict:
    return {"function": {"name": "f", "arguments": arguments}}


def change(**parts) -> dict:
    return DIALOGUE | parts


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (change(cals=[]), "unknown key cals. Did you mean 'calls'? Rename it or take it out"),
        (TEXTS | {"id": 3}, "unknown key id."),
        (TEXTS | {"output": None}, "output: found None; input should be a valid string"),
        ({"instruction": "a", "input": "b"}, "output is missing"),
        ("text", "expected the keys instruction, input, output, or tools, messages, calls, response, think; found str"),
        ({"prompt": "x"}, "found ['prompt']"),
        ({"tools": [], "messages": ASKED}, "neither calls nor response"),
        ({"messages": ASKED, "response": "x"}, "tools is missing"),
        (change(messages=[]), "messages: found []"),
        (change(messages=[{"role": "bot", "content": "x"}]), "messages.0.role: found 'bot'"),
        (change(messages=[{"role": "user", "content": 3}]), "messages.0.content: found 3"),
        (change(messages=[{"role": "user"}]), "messages.0: the message of the user has no content"),
        (change(messages=[{"role": "user", "content": "x", "tool_calls": [past({})]}]),
         "a message of the user cannot have tool_calls"),
        (change(messages=[*ASKED, {"role": "assistant", "content": "y"}]), "the last is of the assistant"),
        (change(messages=[*ASKED, {"role": "system", "content": "y"}]), "only the first may be of the system"),
        (change(messages=[*ASKED, {"role": "tool", "tool_call_id": "z", "content": ""}]), "belongs to no earlier call"),
        (change(messages=[{"role": "assistant", "tool_calls": [past("{1")]}]),
         "messages.0.tool_calls.0.function.arguments: found '{1', expected JSON"),
        (change(messages=[*ASKED, {"role": "assistant", "tool_calls": [past({})]}, {"role": "tool", "content": ""}]),
         "belongs to no earlier call"),
        (change(tools=[{"description": "nameless"}]), "tools.0.name is missing"),
        (change(calls=[{"name": "wether", "parameters": {}}]), "no tool 'wether' is offered. Did you mean 'weather'?"),
        (change(calls=[{"name": "weather", "parameters": {"cty": 1}}]), "no parameter 'cty'. Did you mean 'city'?"),
        (change(calls=[{"name": "weather", "arguments": {}}]), "calls.0.parameters is missing"),
    ],
)  # fmt: skip
def test_a_faulty_record_is_named_with_its_fault(record, says):
    assert says in reason(record)


def test_a_file_has_one_layout():
    assert "rows before instruction, input, output; use two files" in reason(TEXTS, DIALOGUE)
    assert "rows before tools, messages" in reason(DIALOGUE, TEXTS)


def test_what_the_rewards_could_not_score_is_named_too(tmp_path):
    records = [DIALOGUE, change(response="say <response>"), change(think="a <tool_call>"), DIALOGUE | {"x": 1}]
    report = prepare(records, tmp_path / "o.parquet", split="train", drop_bad=True)
    assert [problem.row for problem in report.dropped] == [1, 2, 3]
    assert report.kinds == {"tool calls": 1}


def test_imitation_needs_a_thought_of_its_own():
    assert "think is missing" in reason(DIALOGUE, imitate=True)
    assert "think is missing" in reason(change(think=" "), imitate=True)
    assert texts(change(think="Zürich is asked."), imitate=True).output.startswith("<think> Zürich is asked. </think>")
    assert texts(TEXTS, imitate=True).output == TEXTS["output"]


def test_null_entries_and_text_parts_are_read_as_chat_apis_mean_them():
    """As clients write a message out: every entry that they know, most of them null."""
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    parts = [{"type": "text", "text": "How is the weather "}, {"type": "text", "text": "in Zürich?"}]
    messages = [
        {"role": "user", "content": parts, "name": None},
        {"role": "assistant", "content": None, "refusal": None, "audio": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "3"}]},
    ]
    plain = [
        {"role": "user", "content": "How is the weather in Zürich?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "3"},
    ]
    assert texts(DIALOGUE | {"messages": messages}) == texts(DIALOGUE | {"messages": plain})
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    assert "messages.0.content: its content has a part of type 'image_url'" in reason(DIALOGUE | {"messages": image})
