"""From logits to one token per row: temperature, truncation, a draw, and the log-probability that the trainer sees."""

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
