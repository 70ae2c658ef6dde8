"""DVAO: dynamic variance-adaptive advantages (arXiv 2605.25604)."""

import torch
from torch import Tensor

from gd2po.advantages.registry import register_combination
from gd2po.advantages.votes import Votes


@register_combination("dvao")
def dvao(votes: Votes) -> Tensor:
    """Weigh each reward, in each group, by the spread of its raw scores there: what each reward adds [K, N].

        a_i = Σ_k u_gk A_ik,    u_gk = w_k std_gk / Σ_l |w_l| std_gl

    std_gk is the standard deviation of the raw scores in the group, whatever the normaliser. With `group_std` this is
    the weighted sum of the centred raw scores, over the weighted sum of their spreads: |a_i| is bounded, and the scale
    of a reward matters, as for GRPO. A group in which every reward ties has advantage 0.

    The formula was found in a summary of the paper's full text; the paper itself was not read past its introduction. It
    describes no whitening after it (`whiten: none`).
    """
    spread = votes.weights.abs()[:, None] * votes.scores.std
    total = spread.sum(0)
    share = votes.scores.std / torch.where(total > 0, total, torch.inf)
    return votes.weighted * votes.groups.to_rollouts(share)
