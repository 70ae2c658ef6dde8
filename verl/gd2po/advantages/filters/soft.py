"""Weigh rollouts by the agreement of their votes, and drop none."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gd2po.advantages.registry import COMPARES_SIZES, register_filter
from gd2po.advantages.votes import Votes


@dataclass(frozen=True)
class SoftOptions:
    """The option of :func:`soft`.

    Attributes:
        power: The exponent p of the signal-to-noise ratio, 0 or more: 0 is no filter; the larger, the closer to hard.
    """

    power: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5


@register_filter("soft", SoftOptions, traits={COMPARES_SIZES})
def soft(votes: Votes, options: SoftOptions) -> Tensor:
    """Factors [N] of the votes: 1 without conflict, and less the less the votes agree.

    factor_i = SNR_i^p if conflict_i, else 1,    SNR_i = |Σ_k w_k A_ik| / (Σ_k |w_k A_ik| + 1e-8)

    No rollout is dropped: each stays in the whitening, and a group's weight q_g is the mean of its factors. The rule is
    this project's own.
    """
    return torch.where(votes.conflict, votes.snr.pow(options.power), 1.0)
