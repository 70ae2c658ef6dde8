"""Group-relative scores: each score against the other rollouts of its prompt. Normalisers make advantages of them."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages.groups import Groups

STD_EPS = 1e-6
"""Added to a standard deviation before it divides, as in verl."""

SPREAD_FLOOR = 1e-6
"""A group whose spread in a reward is at most this share of its largest |score| is a tie: float noise is not a sign."""


@dataclass(frozen=True)
class Normalised:
    """`advantages` [..., N] float64, 0 where not scored; `zero_spread` [..., G]: groups of two or more that tie."""

    advantages: Tensor
    zero_spread: Tensor


@dataclass(frozen=True)
class GroupScores:
    """The scores of one or more rewards, and each score relative to the mean of its group.

    Attributes:
        values: The raw scores [..., N] float64; finite where scored.
        scored: Which scores exist [..., N] bool.
        groups: The groups of the N rollouts.
        count: The number of scored rollouts in each group [..., G].
        zero_spread: The groups of two or more scored rollouts that tie [..., G] bool.
        deviations: r_i − mean_g [..., N]; exactly 0 where not scored, and in groups that tie or have fewer than two
            scored rollouts.
    """

    values: Tensor
    scored: Tensor
    groups: Groups
    count: Tensor
    zero_spread: Tensor
    deviations: Tensor

    @functools.cached_property
    def std(self) -> Tensor:
        """Standard deviation of each group [..., G]: std_g² = Σ (r_i − mean_g)² / (n_g − 1); 0 for ties."""
        return (self.groups.sum(self.deviations.square()) / (self.count - 1).clamp(min=1)).sqrt()

    @functools.cached_property
    def pooled_std(self) -> Tensor:
        """One standard deviation for the batch [..., 1]: pooled² = mean of std_g² over groups of two or more."""
        measured = self.count >= 2
        total = (self.std.square() * measured).sum(-1, keepdim=True)
        return (total / measured.sum(-1, keepdim=True).clamp(min=1)).sqrt()

    def divided_by(self, std: Tensor) -> Tensor:
        """(r_i − mean_g) / (std + 1e-6) [..., N], for a standard deviation of each group [..., G]."""
        return self.deviations / (self.groups.to_rollouts(std) + STD_EPS)


def group_scores(values: Tensor, scored: Tensor, groups: Groups) -> GroupScores:
    """Centre scores within their groups, the step that all methods share (GRPO, arXiv 2402.03300).

    A deviation is exactly 0

    - for a rollout that is not scored,
    - in a group with fewer than two scored rollouts,
    - in a group without spread, `max − min ≤ 1e-6 · max|r|`: a constant such as 0.1 is not constant to the last bit
      once its mean is subtracted, and dividing that rounding error by its own size would make it a sign.

    Scores are taken relative to the group's minimum before anything is summed: a large common offset costs no digits.

    Args:
        values: Scores [..., N] float64, finite where scored.
        scored: Which of them exist [..., N] bool.
        groups: The groups of the N rollouts.
    """
    low, high = groups.extremes(values, scored)
    count = groups.sum(scored)
    tied = high - low <= SPREAD_FLOOR * torch.maximum(low.abs(), high.abs())

    above_low = torch.where(scored, values - groups.to_rollouts(low), 0.0)
    mean = groups.sum(above_low) / count.clamp(min=1)
    informative = scored & groups.to_rollouts(~tied & (count >= 2))
    deviations = torch.where(informative, above_low - groups.to_rollouts(mean), 0.0)
    return GroupScores(values, scored, groups, count, tied & (count >= 2), deviations)
