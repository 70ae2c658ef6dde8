"""Randomness that depends on what is asked, not on when: resumed and repeated runs draw the same samples.

The k-th request for a prompt under one version of the weights always gets the same numbers. Requests for equal
prompts are interchangeable, so their order of arrival permutes a group's samples and changes none of them.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from gd2po.hosts.verl.cpu.rollout.sampling import Sampling


def prompt_key(version: int | None, prompt: Sequence[int], sampling: Sampling) -> str:
    """What makes requests interchangeable: weights, prompt and way of sampling."""
    return hashlib.sha256(repr((version, tuple(prompt), sampling)).encode()).hexdigest()


def uniform_numbers(seed: int, key: str, occurrence: int, count: int) -> Tensor:
    """`count` numbers in [0, 1), one per token, for the `occurrence`-th request with this key."""
    digest = hashlib.sha256(f"{seed}/{key}/{occurrence}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    return torch.rand(count, generator=generator)


class Occurrences:
    """Counts equal requests. One server counts for all replicas, so that none repeats another's samples."""

    def __init__(self) -> None:
        self._counts: dict[int | None, Counter[str]] = {}

    def next(self, version: int | None, key: str) -> int:
        """How often `key` was asked before under this version of the weights; older versions are forgotten."""
        if version not in self._counts:
            newest_first = sorted(self._counts, key=lambda known: -1 if known is None else known, reverse=True)
            self._counts = {known: self._counts[known] for known in newest_first[:1]}
        counts = self._counts.setdefault(version, Counter())
        counts[key] += 1
        return counts[key] - 1
