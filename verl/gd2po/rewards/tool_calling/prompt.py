"""The prompt of the task: a system message with the tools and the output grammar, a user message with the dialogue.

The layout is that of rlla_4k (tools numbered with name, description and parameters; the whole dialogue in one user
message), the wording is ours. A model trained on other wording should be evaluated with it: pass it as ``template``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gd2po.rewards.tool_calling.grammar import PromptError

TOOLS_HERE = "{tools}"
TEMPLATE = """You assist a user in a dialogue. You can call tools, answer in your own words, or do both.

**Available Tools**
{tools}

**What to Do in Each Turn**
1. Think: what does the user want, and what is known from the dialogue so far?
2. If a tool helps, call it with its parameters. Independent calls go together.
3. If there is something to tell or to ask, answer.

**Output Format**
```plaintext
<think> your reasoning </think>
<tool_call>
{"name": "name of a tool", "parameters": {"name of a parameter": "its value"}}
</tool_call>
<response> your answer </response>
```

**Rules**
1. `<think>` always comes first. After it stands `<tool_call>`, or `<response>`, or the one and then the other.
2. Each call is one JSON object on a line of its own, with "name" and "parameters"; {} where there are no parameters.
3. Results of earlier calls stand in the dialogue as `<obs>`.
"""
_HEADING = "**Dialogue Records History**"
_TURNS = {"user": "<user> {} </user>", "assistant": "{}", "tool": "<obs> {} </obs>"}


def system_prompt(tools: Sequence[Mapping[str, Any]], template: str = TEMPLATE) -> str:
    """The system message that offers ``tools``.

    Args:
        tools: ``{"name", "description", "parameters"}`` with a JSON schema as parameters, or the same under
            ``"function"``, as chat APIs take them.
        template: Text with ``{tools}`` where they go.

    Raises:
        PromptError: The template lacks ``{tools}``.
    """
    if TOOLS_HERE not in template:
        raise PromptError(f"the system prompt lacks {TOOLS_HERE}, which says where the tools go: {template[:80]!r}")
    listed = "\n".join(_tool(number, tool.get("function", tool)) for number, tool in enumerate(tools, 1))
    return template.replace(TOOLS_HERE, listed)


def user_prompt(turns: Sequence[Mapping[str, str]]) -> str:
    """The dialogue so far as one message; ``turns`` are ``{"role": user | assistant | tool, "content"}``.

    Raises:
        PromptError: A turn of another role.
    """
    for turn in turns:
        if turn["role"] not in _TURNS:
            raise PromptError(f"a turn has the role {turn['role']!r}, expected one of {', '.join(_TURNS)}")
    return "\n".join([_HEADING, *(_TURNS[turn["role"]].format(turn["content"].strip()) for turn in turns)])


def _tool(number: int, tool: Mapping[str, Any]) -> str:
    parameters = tool.get("parameters") or {}
    schema = parameters.get("properties", parameters) if isinstance(parameters, Mapping) else parameters
    description = tool.get("description", "")
    return (
        f"{number}. Name: {tool['name']}\nDescription: {description}\n"
        f"Parameters: {json.dumps(schema, ensure_ascii=False)}"
    )
