"""Conversations as token ids, and how much room each leaves for an answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gd2po.evaluation.generation.contract import CONTEXT_EXCEEDED, Decoding, Generation, GenerationRequest


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """One request in the model's own chat template.

    Attributes:
        id: The id of the request.
        tokens: The token ids of the prompt, with those that open the answer.
        room: The length of the longest answer, in tokens; at least 1.
        seed: The seed of the answer, for temperatures above 0.
    """

    id: str
    tokens: list[int]
    room: int
    seed: int = 0


def read_prompts(
    requests: Iterable[GenerationRequest], tokenizer: Any, decoding: Decoding, model_context: int | None
) -> tuple[list[TokenizedPrompt], list[Generation]]:
    """Split requests into prompts that leave room for an answer, and failures that say why there is none.

    Args:
        requests: The conversations.
        tokenizer: A tokenizer of transformers that has a chat template.
        decoding: The bounds of the room, ``max_tokens`` and ``context``.
        model_context: The most tokens that the model can read, a further bound of the room; None where it has none.
    """
    from jinja2 import TemplateError

    prompts: list[TokenizedPrompt] = []
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
            seed = decoding.seed if request.seed is None else request.seed
            prompts.append(TokenizedPrompt(request.id, tokens, min(decoding.max_tokens, left), seed))
    return prompts, failures


def _too_long(id: str, length: int, context: int, model_context: int | None) -> Generation:
    bound = f"the context of {context}"
    if model_context is not None and model_context < context:
        bound = f"the {model_context} tokens this model can read"
    error = f"{CONTEXT_EXCEEDED}: the prompt has {length} tokens and leaves no room for an answer in {bound}"
    return Generation.failed(id, error, length)
