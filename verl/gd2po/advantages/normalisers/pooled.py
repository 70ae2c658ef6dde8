"""One standard deviation for each reward and batch."""

from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import register_normaliser


@register_normaliser("pooled")
def pooled(scores: GroupScores) -> Tensor:
    """Measure each score, relative to its group's mean, in the pooled standard deviation of the batch [..., N].

    A_i = (r_i − mean_g) / (pooled + 1e-6),    pooled² = mean over groups of std_g²

    A group that ties counts with std_g² = 0, a group of one not at all. Groups in which a reward varies much speak
    louder than those in which it varies little. The formula is this project's own; the centring is that of the baseline
    variant of REINFORCE++ (arXiv 2501.03262).
    """
    return scores.divided_by(scores.pooled_std.expand_as(scores.std))
