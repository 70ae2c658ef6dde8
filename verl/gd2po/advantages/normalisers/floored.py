"""A floor under the standard deviation of a group."""

import torch
from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import register_normaliser


@register_normaliser("floored")
def floored(scores: GroupScores) -> Tensor:
    """Measure each score in standard deviations of its group, but never in less than the batch's [..., N].

    A_i = (r_i − mean_g) / (max(std_g, pooled) + 1e-6),    pooled² = mean over groups of std_g²

    A small group knows its spread badly, and a reward that hardly varies in a group is not blown up to full size. The
    formula is this project's own and has no constant.
    """
    return scores.divided_by(torch.maximum(scores.std, scores.pooled_std))
