"""The random numbers that decide the draws of a request.

They depend on the request and not on its time: resumed and repeated runs draw the same samples. The k-th request for a
prompt under one version of the weights always gets the same random numbers. Requests for equal prompts are
interchangeable, so their order of arrival permutes the samples of a group and changes none of them.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from gd2po.decoding.sampling import Sampling


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
