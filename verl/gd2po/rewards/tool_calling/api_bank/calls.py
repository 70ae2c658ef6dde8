"""The wanted call of an API-Bank item, and the message that offers its tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gd2po.rewards.tool_calling.api_bank.tools import ItemError


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    name: str
    parameters: dict[str, Any]


def wanted_call(item: Mapping[str, Any]) -> Call:
    """The gold call of an item; its ``answer`` is that call or a list of it.

    Raises:
        ItemError: there is not exactly one call.
    """
    answer = item.get("answer")
    call = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    match call:
        case {"name": str(name), "parameters": dict(parameters)}:
            return Call(name, parameters)
    raise ItemError(f"the item {item.get('id', '')} wants {answer!r:.120}, expected one {{'name', 'parameters'}}")


def system_message(item: Mapping[str, Any]) -> str:
    """The prompt of an item that offers its tools.

    Raises:
        ItemError: there is none.
    """
    match item.get("system"):
        case str(text):
            return text
    raise ItemError(
        f"the item {item.get('id', '')} has the fields {', '.join(item)}, expected a text 'system' among them"
    )
