"""A question of BFCL as a prompt of our task: functions in the system message, the whole dialogue in one user message.

The layout is that of training, see :mod:`gd2po.rewards.tool_calling.prompt`. Standard library alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gd2po.rewards.tool_calling.answers import write_answer
from gd2po.rewards.tool_calling.prompt import TEMPLATE, system_prompt, user_prompt


class EntryDialogue:
    """The dialogue of one entry so far.

    Args:
        functions: The functions in BFCL's documentation format.
        template: The template of the system message, with ``{tools}``.
    """

    def __init__(self, functions: Sequence[Mapping[str, Any]], template: str = TEMPLATE) -> None:
        self._system = [system_prompt([_tool(function) for function in functions], template).strip()]
        self._turns: list[dict[str, str]] = []

    def say(self, messages: Iterable[Mapping[str, str]]) -> None:
        """Add messages of BFCL.

        A system message goes to the end of ours, where BFCL itself puts it. An answer, which BFCL writes as plain
        text, is shown as the response of an earlier turn.
        """
        for message in messages:
            role, content = message["role"], message["content"]
            if role == "system":
                self._system.append(content.strip())
            elif role == "assistant":
                self._turns.append({"role": role, "content": write_answer(response=content, think=None)})
            else:
                self._turns.append({"role": role, "content": content})

    def answer(self, output: str) -> None:
        """Add an answer of the model, verbatim."""
        self._turns.append({"role": "assistant", "content": output})

    def observe(self, names: Sequence[str], results: Sequence[str]) -> None:
        """Add the results of the last answer's calls, as one observation in the layout of training."""
        observations = [{"name": name, "results": _parsed(result)} for name, result in zip(names, results, strict=True)]
        self._turns.append({"role": "tool", "content": json.dumps(observations, ensure_ascii=False)})

    def messages(self) -> tuple[dict[str, str], ...]:
        """The conversation to be continued."""
        return (
            {"role": "system", "content": "\n\n".join(self._system)},
            {"role": "user", "content": user_prompt(self._turns)},
        )


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function in the layout of training, which has no list of required parameters and marks the optional ones."""
    parameters = function["parameters"]
    required = parameters.get("required", ())
    shown = {
        name: parameter if name in required else parameter | {"type": f"{parameter['type']}, optional"}
        for name, parameter in parameters["properties"].items()
    }
    return {
        "name": function["name"],
        "description": function["description"],
        "parameters": {"type": "object", "properties": shown},
    }


def _parsed(result: str) -> Any:
    try:
        return json.loads(result)
    except ValueError:
        return result
