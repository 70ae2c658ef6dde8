"""The messages of a dialogue as chat APIs and data sets write them, made into what a chat template reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gd2po.rewards.models.contract import Message, RewardModelError


def text_of(content: Any) -> str:
    """The text of a message's ``content``.

    Args:
        content: A text; None, which is no text; or a sequence of content parts ``{"type": "text", "text": text}``,
            whose texts follow one another without a separator, as chat templates write them.

    Raises:
        ValueError: A part is no text (an image, a sound), or the content is of another type.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if hasattr(content, "tolist"):  # an array, as Parquet files are read by pandas
        content = content.tolist()
    if not isinstance(content, Sequence):
        raise ValueError(f"its content is of type {type(content).__name__}, expected a text or a list of text parts")
    return "".join(_text_of_part(part) for part in content)


def _text_of_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and isinstance(part.get("text"), str) and part.get("type", "text") == "text":
        return str(part["text"])
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise ValueError(f"its content has a part of type {kind!r}, expected parts {{type: text, text: …}} alone")


def plain_messages(messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Messages with a text as content each; calls of tools and whatever else a template may read are kept.

    Entries that are None, as a table with one column for each entry fills them in, are left out.

    Args:
        messages: The messages; not changed.

    Raises:
        RewardModelError: A message has no role, or a content that is no text.
    """
    return [_plain(message, number) for number, message in enumerate(messages, 1)]


def _plain(message: Mapping[str, Any], number: int) -> Message:
    role = message.get("role")
    if not isinstance(role, str):
        raise RewardModelError(
            f"message {number} of a prompt has the role {role!r}, expected a text such as user or assistant; mend the "
            "prompts of the data set"
        )
    try:
        content = text_of(message.get("content"))
    except ValueError as error:
        raise RewardModelError(
            f"message {number} of a prompt ({role}) cannot be read by a reward model: {error}. Leave such rows out, or "
            "write what the model is to read as text"
        ) from error
    entries = {name: _listed(value) for name, value in message.items() if value is not None}
    if not entries.get("tool_calls", True):
        del entries["tool_calls"]
    return {**entries, "role": role, "content": content}


def _listed(value: Any) -> Any:
    """Arrays, as Parquet files are read by pandas, as lists, in which templates find the same items."""
    if isinstance(value, Mapping):
        return {name: _listed(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A message, or a part of it, with each of its texts changed; the names of entries and the role stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: item if name == "role" else with_texts(item, change) for name, item in value.items()}
    return [with_texts(item, change) for item in value] if isinstance(value, list) else value


def unread_parts(messages: Sequence[Message], render: Callable[[Sequence[Message]], str]) -> list[str]:
    """What a template leaves out of a dialogue with tools: ``tool_calls``, or the content of messages of a tool.

    A part is left out where the text stays the same although the part changes.

    Args:
        messages: The messages of :func:`plain_messages`.
        render: Writes messages as text.
    """
    changes: dict[str, Callable[[Message], Message]] = {}
    if any(message.get("tool_calls") for message in messages):
        changes["tool_calls"] = _with_renamed_calls
    if any(message["role"] == "tool" for message in messages):
        changes["messages with the role tool"] = _with_another_result
    written = render(messages) if changes else ""
    return [part for part, change in changes.items() if render([change(message) for message in messages]) == written]


def _with_renamed_calls(message: Message) -> Message:
    return {**message, "tool_calls": [_renamed(call) for call in message.get("tool_calls") or ()]}


def _renamed(call: Any) -> Any:
    """The call of another function, with or without ``function`` around its name."""
    if not isinstance(call, Mapping):
        return call
    return {
        name: f"{value}x" if name == "name" else _renamed(value) if name == "function" else value
        for name, value in call.items()
    }


def _with_another_result(message: Message) -> Message:
    return {**message, "content": f"{message['content']} x"} if message["role"] == "tool" else message
