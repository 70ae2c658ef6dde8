"""The prompt a policy sees: tools, grammar, dialogue."""

import pytest

from gd2po.rewards.tool_calling.grammar import PromptError
from gd2po.rewards.tool_calling.prompt import TEMPLATE, system_prompt, user_prompt

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}


@pytest.mark.parametrize("tool", [WEATHER, {"type": "function", "function": WEATHER}])
def test_tools_stand_where_the_template_says(tool):
    listed = '1. Name: weather\nDescription: Tells the weather.\nParameters: {"city": {"type": "string"}}'
    assert system_prompt([tool], "Use:\n{tools}\nNow.") == f"Use:\n{listed}\nNow."
    assert listed in system_prompt([tool])


def test_tools_are_numbered():
    prompt = system_prompt([WEATHER, WEATHER | {"name": "news", "parameters": {}}], "{tools}")
    assert "2. Name: news\nDescription: Tells the weather.\nParameters: {}" in prompt


def test_a_dialogue_is_one_message():
    turns = [("user", " hi "), ("assistant", "<response> yes </response>"), ("tool", "[1]"), ("user", "{go}")]
    prompt = user_prompt([{"role": role, "content": content} for role, content in turns])
    assert prompt.split("\n")[1:] == [
        "<user> hi </user>",
        "<response> yes </response>",
        "<obs> [1] </obs>",
        "<user> {go} </user>",
    ]


def test_a_template_without_a_place_for_tools_and_an_unknown_role_are_refused():
    with pytest.raises(PromptError, match=r"lacks \{tools\}"):
        system_prompt([WEATHER], "no place")
    with pytest.raises(PromptError, match="role 'function'"):
        user_prompt([{"role": "function", "content": ""}])


def test_the_grammar_in_the_template_is_the_one_that_is_scored():
    from gd2po.rewards.tool_calling import score

    example = TEMPLATE.split("```plaintext\n")[1].split("\n```")[0]
    assert score(example, example)["format"] == 1 and score(example, example)["correctness"] == 3
