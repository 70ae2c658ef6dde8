"""From logits to one token per row: temperature, truncation, a draw, and the log-probability that the trainer will see.

Randomness depends on the request and not on its time: resumed and repeated runs draw the same samples. The k-th request
for a prompt under one version of the weights always gets the same random numbers. Requests for equal prompts are
interchangeable, so their order of arrival permutes the samples of a group and changes none of them.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How a request draws its tokens; temperature 0 is greedy, `top_k=-1` and `top_p=1` truncate nothing."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    @property
    def truncates(self) -> bool:
        return self.top_k > 0 or self.top_p < 1


@lru_cache
def _truncation(sampling: Sampling) -> Any:
    from transformers import LogitsProcessorList, TopKLogitsWarper, TopPLogitsWarper

    warpers = LogitsProcessorList()
    if sampling.top_k > 0:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    return warpers


def choose(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Draw one token per row of `logits` [B, V] by inverting its distribution at `uniform` [B].

    The draw of a row depends on that row alone. Log-probabilities are those of softmax(logits / temperature) before
    truncation, which is what verl's actor computes; of softmax(logits) when greedy.
    """
    logits = logits.float() / (sampling.temperature or 1.0)
    probabilities = logits.double().softmax(-1)
    if sampling.greedy:
        tokens = logits.argmax(-1)
    else:
        truncated = _truncation(sampling)(None, logits).double().softmax(-1) if sampling.truncates else probabilities
        weights = truncated.cumsum(-1)
        target = uniform.double() * weights[:, -1]
        tokens = torch.searchsorted(weights, target.unsqueeze(-1), right=True).squeeze(-1)
    return tokens, probabilities.gather(-1, tokens.unsqueeze(-1)).squeeze(-1).log().float()


def prompt_key(version: int | None, prompt: Sequence[int], sampling: Sampling) -> str:
    """The key that interchangeable requests share: version of the weights, prompt and way of sampling."""
    return hashlib.sha256(repr((version, tuple(prompt), sampling)).encode()).hexdigest()


def uniform_numbers(seed: int, key: str, occurrence: int, count: int) -> Tensor:
    """Random numbers in [0, 1), [`count`], one per token, for the `occurrence`-th request with this key."""
    digest = hashlib.sha256(f"{seed}/{key}/{occurrence}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    return torch.rand(count, generator=generator)


class Occurrences:
    """Counts equal requests. One server counts for all replicas, so that no replica repeats the samples of another."""

    def __init__(self) -> None:
        self._counts: dict[int | None, Counter[str]] = {}

    def next(self, version: int | None, key: str) -> int:
        """The number of earlier requests with this key and version of the weights; older versions are forgotten."""
        if version not in self._counts:
            newest_first = sorted(self._counts, key=lambda known: -1 if known is None else known, reverse=True)
            self._counts = {known: self._counts[known] for known in newest_first[:1]}
        counts = self._counts.setdefault(version, Counter())
        counts[key] += 1
        return counts[key] - 1
