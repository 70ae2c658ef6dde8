"""Tools and declared types of a prompt."""

import pytest

from gd2po.rewards.tool_calling.api_bank.tools import ItemError, declared_types

ROOMS = "{'rooms': {'type': 'int', 'description': 'how many'}}"


TOOL = "{number}. Name: {name}\nDescription: {description}\nParameters: {parameters}\n"
CLOCK = TOOL.format(number=2, name="Clock", description="{}", parameters="{}")


def test_both_layouts() -> None:
    book = TOOL.format(number=1, name="Book", description="books", parameters=ROOMS)
    system = f"tools:\n{book}2. Clock: the time: now\nParameters: {{}}\n\n1. Think."
    assert declared_types(system) == {"Book": {"rooms": "int"}, "Clock": {}}


def test_a_description_may_run_on() -> None:
    description = 'it\'s "nice".\n2. Best: not a tool\n\n'
    book = TOOL.format(number=1, name="Book", description=description, parameters=ROOMS)
    assert declared_types(book + CLOCK) == {"Book": {"rooms": "int"}, "Clock": {}}


def test_quotes_and_line_breaks_inside_declarations() -> None:
    declared = {
        "a": {"type": "list(str)", "description": 'it\'s "so"\n1. Name: x\nParameters: {}'},
        "b c": {"type": "str"},
    }
    assert declared_types(f"1. Name: T\nDescription: d\nParameters: {declared!r}\n") == {
        "T": {"a": "list(str)", "b c": "str"}
    }


def test_no_tools() -> None:
    assert declared_types("You are helpful.\n1. Think: first.") == {}


@pytest.mark.parametrize(
    "parameters",
    ["none", "[]", "{'a': 'int'}", "{'a': {}}", "{'a': {'type': 'int'}", '{"a": {"type": "int", "null": null}}'],
)
def test_a_declaration_that_cannot_be_read_is_named(parameters) -> None:
    with pytest.raises(ItemError, match=r"expected .*'type'"):
        declared_types(f"1. Name: T\nDescription: d\nParameters: {parameters}")


def test_a_list_of_parameters_without_a_tool_is_an_error() -> None:
    with pytest.raises(ItemError, match="2 lines 'Parameters: …' for 1 tools"):
        declared_types(f"Parameters: {ROOMS}\n1. Name: T\nDescription: d\nParameters: {ROOMS}")
