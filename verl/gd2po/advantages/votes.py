"""The rewards' votes on a rollout: for it, against it, and how far they contradict each other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages.groups import Groups
from gd2po.advantages.normalisation import GroupScores

SIGN_EPS = 1e-8
"""A vote within ±SIGN_EPS has no sign. Applied to the rollout's scalar, never to a token sum."""

SNR_EPS = 1e-8
"""Added to the denominator of the signal-to-noise ratio, so that a rollout without votes has ratio 0."""


@dataclass(frozen=True)
class Votes:
    """Weighted per-reward advantages and what follows from them; padding and unscored entries vote 0.

    Attributes:
        weighted: The votes w_k A_ik [K, N] float64.
        total: Their sum S_i [N]; GDPO's advantage before whitening.
        magnitude: Σ_k |w_k A_ik| [N].
        conflict: Whether some vote is above 1e-8 and some below −1e-8 [N] bool.
        snr: The signal-to-noise ratio |S_i| / (Σ_k |w_k A_ik| + 1e-8) [N], in [0, 1).
        weights: The weights w_k [K].
        present: The rollouts that at least one reward of non-zero weight scored [N] bool.
        scores: The raw scores [K, N], which of them exist, their groups and the spreads within those.
    """

    weighted: Tensor
    total: Tensor
    magnitude: Tensor
    conflict: Tensor
    snr: Tensor
    weights: Tensor
    present: Tensor
    scores: GroupScores

    @property
    def groups(self) -> Groups:
        """The groups of the N rollouts."""
        return self.scores.groups

    def times(self, factors: Tensor) -> "Votes":
        """The votes that a filter leaves: each rollout's votes, times its factor [N] in [0, 1]."""
        return _votes(factors * self.weighted, self.weights, self.present, self.scores)


def cast_votes(advantages: Tensor, weights: Tensor, present: Tensor, scores: GroupScores) -> Votes:
    """Weigh per-reward advantages [K, N] by weights [K]; a weight of 0 takes the vote away, a negative one turns it."""
    return _votes(weights[:, None] * advantages, weights, present, scores)


def _votes(weighted: Tensor, weights: Tensor, present: Tensor, scores: GroupScores) -> Votes:
    total, magnitude = weighted.sum(0), weighted.abs().sum(0)
    conflict = (weighted > SIGN_EPS).any(0) & (weighted < -SIGN_EPS).any(0)
    snr = total.abs() / (magnitude + SNR_EPS)
    return Votes(weighted, total, magnitude, conflict, snr, weights, present, scores)


def opposed(first: Tensor, second: Tensor) -> Tensor:
    """Where two rewards' votes [N] have opposite signs [N] bool."""
    return torch.minimum(first, second).lt(-SIGN_EPS) & torch.maximum(first, second).gt(SIGN_EPS)
