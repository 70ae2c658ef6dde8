"""Answers on CPU: a row leaves the batch as its answer ends, and the next prompt takes its place."""

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Event
from typing import Any

from gd2po.evaluation.generation.contract import Decoding
from gd2po.evaluation.generation.prompts import TokenizedPrompt

PREFILL_TOKENS = 8_192
"""The most tokens of prompts that are read at once, padding included; a longer prompt is read alone."""


def decode(
    model: Any, prompts: Sequence[TokenizedPrompt], ends: frozenset[int], decoding: Decoding, rows: int
) -> Iterator[tuple[TokenizedPrompt, list[int]]]:
    """Yield each prompt with the tokens of its answer, its end token included, as soon as it is there.

    A sampled answer depends on its prompt and its seed, not on the batch. Equal prompts that follow each other are
    read once.

    Args:
        model: A causal language model of transformers on CPU, whose cache is keys and values.
        prompts: The prompts, in the order in which they begin.
        ends: The ids of the tokens that end an answer.
        decoding: The temperature and the nucleus; the room of each prompt is its own.
        rows: The most answers under way.
    """
    from gd2po.decoding.engine import DecodeEngine
    from gd2po.decoding.request import GenerationRequest
    from gd2po.decoding.sampling import Sampling

    sampling = Sampling(decoding.temperature, decoding.top_p)
    engine = DecodeEngine(model, rows, PREFILL_TOKENS)
    waiting, never = iter(prompts), Event()
    running: dict[GenerationRequest, TokenizedPrompt] = {}
    while True:
        for prompt in islice(waiting, rows - len(running)):
            uniform = [0.0] * prompt.room if sampling.greedy else _uniform(prompt)
            request = GenerationRequest(tuple(prompt.tokens), sampling, ends, uniform)
            running[request] = prompt
            engine.add([request])
        if not running:
            return
        for request in engine.advance(never):
            yield running.pop(request), request.tokens


def _uniform(prompt: TokenizedPrompt) -> list[float]:
    """The numbers in [0, 1) that decide the tokens of an answer, one for each."""
    import torch

    return torch.rand(prompt.room, generator=torch.Generator().manual_seed(prompt.seed)).tolist()
