"""A stand-in for a perfect model: it knows the right answer to each conversation, and no other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gd2po.evaluation.generation.contract import Decoding, Generation, Request

Conversation = tuple[tuple[str, str], ...]
"""Role and content of each message."""


class GoldBackend:
    """Looks answers up; with it a whole evaluation can be checked, for it must come out perfect.

    Args:
        model: the name under which it answers.
        answers: by :func:`conversation`.
    """

    def __init__(self, model: str, answers: Mapping[Conversation, str]) -> None:
        self._model = model
        self._answers = answers

    def describe(self) -> dict[str, Any]:
        """The name alone: there are no weights."""
        return {"name": "gold", "model": self._model, "model_hash": None, "versions": {}}

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Generation]:
        """Yield the known answers, uncut; a conversation that is not known is an error."""
        for request in requests:
            answer = self._answers.get(conversation(request.messages))
            if answer is None:
                yield Generation.failed(request.id, f"none of the {len(self._answers)} known conversations")
            else:
                yield Generation(request.id, answer, "stop")

    def __enter__(self) -> "GoldBackend":
        return self

    def __exit__(self, *exception: object) -> None:
        """There is nothing to free."""


def conversation(messages: Iterable[Mapping[str, str]]) -> Conversation:
    """Messages as a key."""
    return tuple((message["role"], message["content"]) for message in messages)
