"""The normaliser of Dr. GRPO (arXiv 2503.20783)."""

from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import KEEPS_SCALES, register_normaliser


@register_normaliser("group_mean", traits={KEEPS_SCALES})
def group_mean(scores: GroupScores) -> Tensor:
    """Centre each score within its group, and do not divide [..., N].

    A_i = r_i − mean_g

    Rewards keep their own scales, so the reward with the largest spread speaks loudest.
    """
    return scores.deviations
