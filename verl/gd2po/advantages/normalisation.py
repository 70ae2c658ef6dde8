"""Group-relative advantages: each score against the other rollouts of its prompt."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages.groups import Groups

STD_EPS = 1e-6
"""Added to the group's standard deviation, as in verl."""

SPREAD_FLOOR = 1e-6
"""A group whose spread in a reward is at most this share of its largest |score| is a tie: float noise is not a sign."""


@dataclass(frozen=True)
class Normalised:
    """`advantages` [..., N] float64, 0 where not scored; `zero_spread` [..., G]: groups of two or more that tie."""

    advantages: Tensor
    zero_spread: Tensor


def normalise(values: Tensor, scored: Tensor, groups: Groups, *, norm_by_std: bool) -> Normalised:
    """Normalise scores within their groups, the step all three estimators share (GRPO, arXiv 2402.03300).

        A_i = (r_i − mean_g) / (std_g + 1e-6),    std_g² = Σ (r_i − mean_g)² / (n_g − 1)

    over the `n_g` scored rollouts of the group; `norm_by_std=False` leaves the division out. A is exactly 0

    - for a rollout that is not scored,
    - in a group with fewer than two scored rollouts,
    - in a group without spread, `max − min ≤ 1e-6 · max|r|`: a constant such as 0.1 is not constant to the last bit
      once its mean is subtracted, and dividing that rounding error by its own size would make it a sign.

    Scores are taken relative to the group's minimum before anything is summed: a large common offset costs no digits.

    Args:
        values: scores [..., N] float64, finite where scored.
        scored: which of them exist [..., N] bool.
        groups: the N rollouts' groups.
        norm_by_std: divide by the standard deviation.
    """
    low, high = groups.extremes(values, scored)
    count = groups.sum(scored)
    tied = high - low <= SPREAD_FLOOR * torch.maximum(low.abs(), high.abs())

    above_low = torch.where(scored, values - groups.to_rollouts(low), 0.0)
    mean = groups.sum(above_low) / count.clamp(min=1)
    informative = scored & groups.to_rollouts(~tied & (count >= 2))
    deviation = torch.where(informative, above_low - groups.to_rollouts(mean), 0.0)
    if norm_by_std:
        std = (groups.sum(deviation.square()) / (count - 1).clamp(min=1)).sqrt()
        deviation = deviation / (groups.to_rollouts(std) + STD_EPS)
    return Normalised(deviation, tied & (count >= 2))
