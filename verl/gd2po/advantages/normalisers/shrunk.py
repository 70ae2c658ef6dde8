"""The standard deviation of a group, shrunk towards that of the batch."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.registry import register_normaliser


@dataclass(frozen=True)
class ShrunkOptions:
    """The option of :func:`shrunk`.

    Attributes:
        share: The share of the group's own variance, in [0, 1]: 1 is `group_std`, 0 is `pooled`.
    """

    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5


@register_normaliser("shrunk", ShrunkOptions)
def shrunk(scores: GroupScores, options: ShrunkOptions) -> Tensor:
    """Measure each score in a standard deviation between that of its group and that of the batch [..., N].

    A_i = (r_i − mean_g) / (std + 1e-6),    std² = share · std_g² + (1 − share) · pooled²

    with pooled² the mean of std_g² over the groups. The formula is this project's own; it is shrinkage of a variance
    that few samples estimate.
    """
    variance = options.share * scores.std.square() + (1 - options.share) * scores.pooled_std.square()
    return scores.divided_by(variance.sqrt())
