"""The part of a conversation that the policy saw: verl cuts the beginning off a prompt that is too long."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gd2po.rewards.models.contract import Message


def as_seen(messages: Sequence[Message], tokenizer: Any, kept: int, template: Mapping[str, Any]) -> list[Message]:
    """Remove from the messages the text that was cut off.

    Args:
        messages: The messages of the row, with a text as content each; they are not changed.
        tokenizer: The tokenizer of the policy.
        kept: The number of prompt tokens that the policy got.
        template: Further arguments of the chat template.

    Returns:
        The messages without those that were cut off whole; one that was cut within has lost the beginning of its text.
    """
    options = {"add_generation_prompt": True, **template}
    text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    lost = len(tokenizer.decode(ids[: max(0, len(ids) - kept)]))
    return list(_without_beginning(messages, text, lost)) if lost else list(messages)


def _without_beginning(messages: Sequence[Message], text: str, lost: int) -> Iterator[Message]:
    """Cut ``lost`` characters off the rendered ``text``, in which the contents follow one another."""
    position = 0
    for message in messages:
        content = message["content"]
        start = text.find(content, position)
        if message.get("tool_calls") and (end := _end_of_calls(message, text, position)) >= 0:
            position = end
            if position > lost:  # calls are kept or cut off whole
                yield message
            continue
        if start < 0:  # the template has changed the text: a message that cannot be located is kept
            yield message
            continue
        position = start + len(content)
        if position > lost:
            yield {**message, "content": content[max(0, lost - start) :]}


def _end_of_calls(message: Message, text: str, position: int) -> int:
    """Where the name of a message's last call ends in the rendered text; −1 where it is not found."""
    for call in message["tool_calls"]:
        name = str(call.get("function", call).get("name"))
        start = text.find(name, position)
        if start < 0:
            return -1
        position = start + len(name)
    return position
