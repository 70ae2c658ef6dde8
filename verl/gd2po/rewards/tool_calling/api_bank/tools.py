"""The gold call of an API-Bank item, and the tools that its prompt offers with the types of their parameters.

The prompts list them in two ways, both with a Python dictionary on the line of the parameters::

    1. Name: AddAlarm                          1. QueryMeeting: what it does
    Description: what it does                  Parameters: {'user_name': {'type': 'str', …}}
    Parameters: {'time': {'type': 'str', …}}
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gd2po.errors import GD2POError

_TOOL = re.compile(
    r"^\d+\. (?:Name: (?P<name>.+)|(?P<short>[^:\n]+):.*)\n(?:.*\n)*?Parameters: (?P<parameters>.*)$", re.MULTILINE
)
_PARAMETERS = re.compile(r"^Parameters: ", re.MULTILINE)


class ItemError(GD2POError, ValueError):
    """An item, a sample or a file of API-Bank that is not what the benchmark publishes."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool.

    Attributes:
        name: The name of the tool.
        parameters: The values of its parameters by name.
    """

    name: str
    parameters: dict[str, Any]


def gold_call(item: Mapping[str, Any]) -> Call:
    """The gold call of an item, whose ``answer`` is that call or a list of it.

    Raises:
        ItemError: There is not exactly one call.
    """
    answer = item.get("answer")
    call = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    match call:
        case {"name": str(name), "parameters": dict(parameters)}:
            return Call(name, parameters)
    raise ItemError(
        f"the item {item.get('id', '')} has the answer {answer!r:.120}, expected one {{'name', 'parameters'}}"
    )


def system_message(item: Mapping[str, Any]) -> str:
    """The system message of an item, which offers its tools.

    Raises:
        ItemError: The item has no text ``system``.
    """
    match item.get("system"):
        case str(text):
            return text
    raise ItemError(
        f"the item {item.get('id', '')} has the fields {', '.join(item)}, expected a text 'system' among them"
    )


def declared_types(system: str) -> dict[str, dict[str, str]]:
    """``{tool: {parameter: type}}`` of a system message, types as it writes them (``str``, ``int``, ``list(str)``, …).

    Raises:
        ItemError: A list of parameters that belongs to no tool or is no Python dictionary of declarations.
    """
    tools = list(_TOOL.finditer(system))
    lists = len(_PARAMETERS.findall(system))
    if lists != len(tools):
        raise ItemError(f"a system message has {lists} lines 'Parameters: …' for {len(tools)} tools, expected one each")
    return {(tool["name"] or tool["short"]).strip(): _types(tool["parameters"]) for tool in tools}


def _types(text: str) -> dict[str, str]:
    try:
        declared: Mapping[str, Mapping[str, str]] = ast.literal_eval(text.strip())
        return {parameter: declaration["type"] for parameter, declaration in declared.items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, KeyError) as error:
        raise ItemError(f"a tool declares the parameters {text[:80]!r}, expected {{'name': {{'type': …}}}}") from error
