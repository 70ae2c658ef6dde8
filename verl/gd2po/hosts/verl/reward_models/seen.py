"""What the policy saw of a conversation: verl cuts the beginning off a prompt that is too long."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gd2po.rewards.models.contract import Message


def as_seen(messages: Sequence[Message], tokenizer: Any, kept: int, template: Mapping[str, Any]) -> list[Message]:
    """The messages without what was cut off their left.

    Args:
        messages: of the row; never changed.
        tokenizer: of the policy.
        kept: prompt tokens that the policy got.
        template: further arguments of its chat template.

    Returns:
        Messages of which nothing was kept are gone; one that was cut within has lost the beginning of its text.
    """
    options = {"add_generation_prompt": True, **template}
    text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    lost = len(tokenizer.decode(ids[: max(0, len(ids) - kept)]))
    return list(_without_beginning(messages, text, lost)) if lost else list(messages)


def _without_beginning(messages: Sequence[Message], text: str, lost: int) -> Iterator[Message]:
    """``lost``: characters cut off the rendered ``text``, in which the contents stand one after the other."""
    position = 0
    for message in messages:
        content = message["content"]
        start = text.find(content, position)
        if start < 0:  # the template has changed the text: what cannot be placed is kept
            yield message
            continue
        position = start + len(content)
        if position > lost:
            yield {**message, "content": content[max(0, lost - start) :]}
