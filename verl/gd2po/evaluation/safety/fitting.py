"""Dialogues longer than the policy may read, cut by a rule that keeps whole turns.

1. The earliest turns are dropped until the prompt fits; the rest begins with a user's turn. A system message stays.
2. Where the last user's turn alone is too long, its beginning is cut off.

The published evaluation cut the rendered prompt on its left, through template and turns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from gd2po.errors import SettingsError
from gd2po.evaluation.safety.items import Messages

Cut = Literal["turns", "text"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The part of a conversation that the policy sees, and the kind of the cut; None where all of it fits."""

    messages: Messages
    cut: Cut | None = None


class Fitter:
    """Cuts conversations.

    Args:
        tokenizer: The policy's tokenizer, with a chat template.
        limit: The longest prompt in tokens, template included.
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self._tokenizer, self._limit = tokenizer, limit

    def fit(self, messages: Messages) -> Fitted:
        """The conversation, cut where it must be.

        Raises:
            SettingsError: Not even an empty turn fits.
        """
        from jinja2 import TemplateError

        try:
            if self._fits(messages):
                return Fitted(messages)
        except TemplateError:  # the engine meets it too, and says so with the sample
            return Fitted(messages)
        system = messages[:1] if messages[0]["role"] == "system" else ()
        for shorter in _endings(messages[len(system) :]):
            if self._fits(system + shorter):
                return Fitted(system + shorter, "turns")
        return Fitted(self._without_beginning((*system, messages[-1])), "text")

    def _without_beginning(self, messages: Messages) -> Messages:
        *before, last = messages
        ids = self._tokenizer(last["content"], add_special_tokens=False)["input_ids"]
        kept = self._room(messages, len(ids))
        while kept > 0:
            text = self._tokenizer.decode(ids[-kept:]).lstrip("\ufffd")  # half a character
            shorter = (*before, {**last, "content": text})
            if self._fits(shorter):
                return shorter
            kept -= 1
        raise SettingsError(
            f"no turn fits into prompts of {self._limit} tokens: the chat template alone needs more; allow longer ones"
        )

    def _room(self, messages: Messages, length: int) -> int:
        return length - (self._length(messages) - self._limit)

    def _fits(self, messages: Messages) -> bool:
        return self._length(messages) <= self._limit

    def _length(self, messages: Messages) -> int:
        ids = self._tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return len(ids)


def load_fitter(tokenizer: str, limit: int, trust_remote_code: bool = False) -> Callable[[Messages], Fitted]:
    """:meth:`Fitter.fit` for a tokenizer in a folder or on the hub.

    Raises:
        SettingsError: There is no such tokenizer, or it has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        loaded: Any = AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the tokenizer {tokenizer} cannot be loaded, and prompts are measured with it: {error}. Where a server "
            "answers under a name of its own, name the folder or hub name of its tokenizer with --tokenizer"
        ) from error
    if not loaded.chat_template:
        raise SettingsError(f"the tokenizer {tokenizer} has no chat template, so prompts cannot be measured with it")
    return Fitter(loaded, limit).fit


def _endings(turns: Messages) -> Iterator[Messages]:
    """The shorter endings of a dialogue that begin with a user's turn, the longest first."""
    for start in range(1, len(turns)):
        if turns[start]["role"] == "user":
            yield turns[start:]
