"""Reading the calls of an answer: one test line per odd answer."""

import builtins

import pytest

from gd2po.evaluation.bfcl.calls import CallError, for_checker, for_simulator, read

F = '{"name": "f", "parameters": {"a": 1}}'
G = '{"name": "m.g", "parameters": {}}'
CALL_F = {"name": "f", "parameters": {"a": 1}}
CALL_G = {"name": "m.g", "parameters": {}}
PRETTY = '{\n  "name": "f",\n  "parameters": {\n    "a": 1\n  }\n}'


def test_calls_are_read_line_by_line(answer):
    assert read(answer(F, G)) == [CALL_F, CALL_G]


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{F}</tool_call>",
        f"<tool_call>\n\n{PRETTY}\n</tool_call>",
        f"some words <tool_call> {F} </tool_call> <response> and more </response>",
        f"<think> <tool_call> not yet </tool_call> </think><tool_call>{F}</tool_call>",
        f"the prompt has opened this <tool_call> </think><tool_call>{F}</tool_call>",
    ],
    ids=["no think", "pretty-printed", "words around", "tags inside think", "think opened by the prompt"],
)
def test_what_is_one_call(text):
    assert read(text) == [CALL_F]


def test_every_block_counts():
    assert read(f"<tool_call>{F}</tool_call> then <tool_call>{G}{F}</tool_call>") == [CALL_F, CALL_G, CALL_F]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "<response> no tool fits </response>",
        f"<think> never closed <tool_call>{F}</tool_call>",
        "<tool_call></tool_call>",
        f"{F}</tool_call>",
    ],
)
def test_what_is_no_call(text):
    assert read(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "f(a=1)",
        '{"name": "f", "parameters": {"a": 1}',
        f"[{F}]",
        "5",
        '{"name": "f", "arguments": {}}',
        '{"name": "f"}',
        '{"name": 5, "parameters": {}}',
        '{"name": "f", "parameters": []}',
        '{"name": "f", "parameters": {}, "id": 1}',
        '{"name": "f", "name": "g", "parameters": {}}',
        '{"name": "f", "parameters": {"a": NaN}}',
        '{"name": "f", "parameters": {"a": ' + "[" * 100_000,
        f"{F},",
    ],
    ids=lambda line: line[:40],
)
def test_what_cannot_be_read_is_an_error(line, answer):
    with pytest.raises(CallError):
        read(answer(F, line))


def test_a_cut_block_is_an_error():
    with pytest.raises(CallError, match="never closed"):
        read(f"<think> t </think><tool_call>{F}\n")


def test_the_evaluator_gets_names_with_parameters():
    assert for_checker([CALL_F, CALL_G]) == [{"f": {"a": 1}}, {"m.g": {}}]


def test_a_simulator_gets_constants():
    parameters = {"text": 'it\'s\n"x"', "flag": True, "none": None, "list": [1.5, {"k": []}]}
    written = for_simulator({"name": "f", "parameters": parameters}, ())
    assert eval(written, {"f": lambda **given: given}) == parameters


@pytest.mark.parametrize(
    "call",
    [
        {"name": "__import__('os').system('true') or f", "parameters": {}},
        {"name": "a.b", "parameters": {}},
        {"name": "", "parameters": {}},
        {"name": "f", "parameters": {"a=1, b": 2}},
        {"name": "open", "parameters": {"file": "notes.txt", "mode": "w"}},
    ],
    ids=lambda call: call["name"] or "empty",
)
def test_nothing_but_a_call_of_a_simulator_is_ever_run(call):
    with pytest.raises(CallError):
        for_simulator(call, dir(builtins))
