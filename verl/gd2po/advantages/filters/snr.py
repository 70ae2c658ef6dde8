"""GD²PO-SNR (arXiv 2606.16771)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from gd2po.advantages.registry import COMPARES_SIZES, register_filter
from gd2po.advantages.votes import Votes
from gd2po.defaults import THRESHOLD


@dataclass(frozen=True)
class SnrOptions:
    """The option of :func:`snr`.

    Attributes:
        threshold: The smallest signal-to-noise ratio τ with which a rollout in conflict is kept, in [0, 1]: 0 drops
            nothing, 1 is the hard filter.
    """

    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = THRESHOLD


@register_filter("snr", SnrOptions, traits={COMPARES_SIZES})
def snr(votes: Votes, options: SnrOptions) -> Tensor:
    """Keep rollouts [N] without conflict, and those whose votes nearly agree all the same.

    keep_i = not conflict_i or |Σ_k w_k A_ik| / (Σ_k |w_k A_ik| + 1e-8) ≥ τ

    τ = 0 keeps everything (GDPO), τ = 1 drops every conflict (`hard`). With two rewards a conflict is dropped if the
    weaker vote exceeds (1 − τ) / (1 + τ) of the stronger: 1/9 at τ = 0.8.
    """
    return ~votes.conflict | (votes.snr >= options.threshold)
