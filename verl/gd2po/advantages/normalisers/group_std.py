"""GRPO's normaliser (arXiv 2402.03300)."""

from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import register_normaliser


@register_normaliser("group_std")
def group_std(scores: GroupScores) -> Tensor:
    """Measure each score in standard deviations of its group [..., N].

    A_i = (r_i − mean_g) / (std_g + 1e-6),    std_g² = Σ (r_i − mean_g)² / (n_g − 1)

    Every group in which a reward varies at all speaks equally loudly, however little it varies there; a group of four
    or eight rollouts knows its spread badly.
    """
    return scores.divided_by(scores.std)
