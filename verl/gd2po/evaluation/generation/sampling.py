"""Sampling for an engine that decodes greedily: each row draws with a seed of its own, whatever batch it is in."""

from collections.abc import Sequence
from typing import Any


class SeededSampling:
    """A logits processor after which the largest value is a draw from the softmax (the Gumbel-max trick).

    The draws of a row depend on its seed and its logits alone, so an answer is the one that its prompt gets alone.

    Args:
        seeds: The seed of each row [rows].
        temperature: The temperature, above 0.
        top_p: The share of the probability from which a token is drawn, the likeliest tokens first.
        device: The device of the logits.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float, device: str) -> None:
        import torch

        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._temperature, self._top_p = temperature, top_p

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Perturbed logits [rows, vocabulary]."""
        import torch

        scores = scores.float() / self._temperature
        if self._top_p < 1:
            scores = _nucleus(scores, self._top_p)
        noise = torch.empty_like(scores)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores - noise.clamp_(min=torch.finfo(noise.dtype).tiny).log()


def _nucleus(scores: Any, top_p: float) -> Any:
    """The logits with −∞ outside the smallest set of likeliest tokens that has the share ``top_p``."""
    ordered, order = scores.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(-1)
    outside = probabilities.cumsum(-1) - probabilities >= top_p
    return scores.masked_fill(outside.scatter(-1, order, outside), float("-inf"))
