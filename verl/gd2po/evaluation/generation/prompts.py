"""Conversations as token ids, and how much room each leaves for an answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gd2po.evaluation.generation.contract import CONTEXT_EXCEEDED, Decoding, Generation, Request


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request in the model's own chat template.

    Attributes:
        id: of the request.
        tokens: ids, with what opens the answer.
        room: longest answer, in tokens; at least 1.
    """

    id: str
    tokens: list[int]
    room: int


def read_prompts(
    requests: Iterable[Request], tokenizer: Any, decoding: Decoding, model_context: int | None
) -> tuple[list[Prompt], list[Generation]]:
    """Split requests into prompts that leave room for an answer, and failures that say why there is none.

    Args:
        requests: to put into the template.
        tokenizer: of transformers, with a chat template.
        decoding: its ``max_tokens`` and ``context`` bound the room.
        model_context: most tokens the model can read, None where it has no bound; bounds the room too.
    """
    from jinja2 import TemplateError

    prompts: list[Prompt] = []
    failures: list[Generation] = []
    for request in requests:
        try:
            tokens = tokenizer.apply_chat_template(
                list(request.messages), add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except TemplateError as error:
            failures.append(Generation.failed(request.id, f"the chat template refuses the messages: {error}"))
            continue
        left = min(decoding.context, model_context or decoding.context) - len(tokens)
        if left < 1:
            failures.append(_too_long(request.id, len(tokens), decoding.context, model_context))
        else:
            prompts.append(Prompt(request.id, tokens, min(decoding.max_tokens, left)))
    return prompts, failures


def _too_long(id: str, length: int, context: int, model_context: int | None) -> Generation:
    bound = f"the context of {context}"
    if model_context is not None and model_context < context:
        bound = f"the {model_context} tokens this model can read"
    error = f"{CONTEXT_EXCEEDED}: the prompt has {length} tokens and leaves no room for an answer in {bound}"
    return Generation.failed(id, error, length)
