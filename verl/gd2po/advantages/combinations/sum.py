"""The combination of GDPO (arXiv 2601.05242) and GD²PO (arXiv 2606.16771)."""

from torch import Tensor

from gd2po.advantages.registry import register_combination
from gd2po.advantages.votes import Votes


@register_combination("sum")
def sum_of_votes(votes: Votes) -> Tensor:
    """Add the votes: what each reward adds [K, N] is its vote w_k A_ik.

    Of all advantages of the same size, their sum raises the weighted sum of the rewards most, to first order.
    """
    return votes.weighted
