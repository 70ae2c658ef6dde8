"""The rewards' votes on a rollout: for it, against it, and how far they contradict each other."""

from dataclasses import dataclass

import torch
from torch import Tensor

SIGN_EPS = 1e-8
"""A vote within ±SIGN_EPS has no sign. Applied to the rollout's scalar, never to a token sum."""

SNR_EPS = 1e-8
"""Added to the denominator of the signal-to-noise ratio, so that a rollout without votes has ratio 0."""


@dataclass(frozen=True)
class Votes:
    """Weighted per-reward advantages and what follows from them; padding and unscored entries vote 0.

    Attributes:
        weighted: votes w_k A_ik [K, N] float64.
        total: their sum S_i [N]; GDPO's advantage before whitening.
        magnitude: Σ_k |w_k A_ik| [N].
        conflict: some vote is above 1e-8 and some below −1e-8 [N] bool.
        snr: signal-to-noise ratio |S_i| / (Σ_k |w_k A_ik| + 1e-8) [N], in [0, 1).
    """

    weighted: Tensor
    total: Tensor
    magnitude: Tensor
    conflict: Tensor
    snr: Tensor


def cast_votes(advantages: Tensor, weights: Tensor) -> Votes:
    """Weigh per-reward advantages [K, N] by weights [K]; a weight of 0 takes the vote away, a negative one turns it."""
    weighted = weights[:, None] * advantages
    total, magnitude = weighted.sum(0), weighted.abs().sum(0)
    conflict = (weighted > SIGN_EPS).any(0) & (weighted < -SIGN_EPS).any(0)
    return Votes(weighted, total, magnitude, conflict, snr=total.abs() / (magnitude + SNR_EPS))


def opposed(first: Tensor, second: Tensor) -> Tensor:
    """Where two rewards' votes [N] have opposite signs [N] bool."""
    return torch.minimum(first, second).lt(-SIGN_EPS) & torch.maximum(first, second).gt(SIGN_EPS)
