"""Mask a given share of the rollouts."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gd2po.advantages.registry import COMPARES_SIZES, register_filter
from gd2po.advantages.votes import Votes


@dataclass(frozen=True)
class ShareOptions:
    """The option of :func:`share`.

    Attributes:
        masked: The largest share of the batch's rollouts to drop, in [0, 1]: 0 drops nothing, 1 is the hard filter.
    """

    masked: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.2


@register_filter("share", ShareOptions, traits={COMPARES_SIZES})
def share(votes: Votes, options: ShareOptions) -> Tensor:
    """Drop the rollouts [N] of the batch whose votes agree least, up to a given share of them.

    keep_i = not conflict_i or SNR_i > t,    SNR_i = |Σ_k w_k A_ik| / (Σ_k |w_k A_ik| + 1e-8)

    t is the largest ratio for which at most `masked` · n rollouts are dropped, of n that are scored. So the option
    means the same whatever the number of rewards, while a threshold of `snr` masks 43 % of the rollouts with two
    independent rewards and 94 % with eight (τ = 0.8). Rollouts of equal ratio are dropped together or not at all, so
    that the order of rows does not matter: with few distinct ratios (binary rewards, groups of two) less than the share
    is dropped. The rule is this project's own; the papers have thresholds only.
    """
    ratios = torch.where(votes.conflict, agreement(votes), torch.inf)
    ordered = ratios.sort().values
    droppable = int(options.masked * int(votes.present.sum()) + 1e-9)
    if droppable >= len(ordered):
        return ~votes.conflict
    return ratios >= ordered[droppable]


def agreement(votes: Votes) -> Tensor:
    """The signal-to-noise ratios [N] to nine decimal places, so that ratios equal but for rounding are equal."""
    return votes.snr.round(decimals=9)
