"""RVPO: the soft minimum of the rewards' advantages (arXiv 2605.05750)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gd2po.advantages.registry import COMPARES_SIZES, register_combination
from gd2po.advantages.votes import Votes


@dataclass(frozen=True)
class SoftminOptions:
    """The option of :func:`softmin`.

    Attributes:
        sharpness: The risk coefficient k, above 0: near 0 the soft minimum is the sum, at infinity the least vote.
    """

    sharpness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


@register_combination("softmin", SoftminOptions, traits={COMPARES_SIZES})
def softmin(votes: Votes, options: SoftminOptions) -> Tensor:
    """Let the reward that a rollout serves worst weigh most: what each reward adds [K, N].

        a_i = −W_i / k · ln Σ_j p_ij exp(−k z_ij)        p_ij = |w_j| / W_i,  W_i = Σ_j |w_j|,  z_ij = v_ij / |w_j|
        reward j adds p_ij exp(−k z_ij) / Σ_l p_il exp(−k z_il) · a_i

    with sums over the rewards of non-zero weight that scored rollout i, and v_ij its votes. For equal weights and no
    missing score this is RVPO's LogSumExp times the number of rewards, a constant that whitening undoes; the paper's
    formula has no weights. To second order a_i / W_i is the mean of the z_ij less k/2 times their variance. The paper
    moves k from 0.5 to 2 in training, and whitens over the batch afterwards, as `whiten` does.

    The formula was found the same in two summaries of the paper; the paper itself was not read past its introduction.
    A soft minimum of votes with mean 0 has a mean below 0, which whitening takes away again.
    """
    weights = votes.weights.abs()[:, None] * votes.scores.scored
    total = weights.sum(0)
    positions = votes.weighted / torch.where(weights > 0, weights, 1.0)
    logits = (weights / torch.where(total > 0, total, 1.0)).log() - options.sharpness * positions
    logits = torch.where(total > 0, logits, 0.0)
    combined = -total / options.sharpness * logits.logsumexp(0)
    return torch.where(weights > 0, logits.softmax(0) * combined, 0.0)
