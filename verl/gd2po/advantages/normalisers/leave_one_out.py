"""The normaliser of RLOO (arXiv 2402.14740)."""

from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import KEEPS_SCALES, register_normaliser


@register_normaliser("leave_one_out", traits={KEEPS_SCALES})
def leave_one_out(scores: GroupScores) -> Tensor:
    """Compare each score with the mean of the other rollouts of its group [..., N].

    A_i = r_i − mean of the others = (r_i − mean_g) · n_g / (n_g − 1)

    The baseline does not depend on the rollout itself, so the estimate of the gradient is unbiased. With groups of one
    size this is `group_mean` times a constant, which whitening undoes. Formula as in verl's RLOO estimator.
    """
    factor = scores.count / (scores.count - 1).clamp(min=1)
    return scores.deviations * scores.groups.to_rollouts(factor)
