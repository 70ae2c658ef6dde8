"""GD²PO-Hard (arXiv 2606.16771)."""

from torch import Tensor

from gd2po.advantages.registry import register_filter
from gd2po.advantages.votes import Votes


@register_filter("hard")
def hard(votes: Votes) -> Tensor:
    """Keep rollouts [N] whose votes have one sign.

    keep_i = not (some w_k A_ik > 1e-8 and some w_k A_ik < −1e-8)

    With K independent rewards a share 1 − 2^(1−K) of the rollouts is in conflict: for many rewards prefer `snr`.
    """
    return ~votes.conflict
