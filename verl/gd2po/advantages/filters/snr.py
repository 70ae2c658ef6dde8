"""GD²PO-SNR (arXiv 2606.16771)."""

from torch import Tensor

from gd2po.advantages.registry import register_filter
from gd2po.advantages.votes import Votes


@register_filter("snr")
def snr(votes: Votes, threshold: float) -> Tensor:
    """Keep rollouts [N] without conflict, and those whose votes nearly agree all the same.

    keep_i = not conflict_i or |Σ_k w_k A_ik| / (Σ_k |w_k A_ik| + 1e-8) ≥ τ

    τ = 0 keeps everything (GDPO), τ = 1 drops every conflict (`hard`). With two rewards a conflict is dropped if the
    weaker vote exceeds (1 − τ) / (1 + τ) of the stronger: 1/9 at τ = 0.8.
    """
    return ~votes.conflict | (votes.snr >= threshold)
