"""No filter: GD²PO without one is GDPO."""

import torch
from torch import Tensor

from gd2po.advantages.registry import register_filter
from gd2po.advantages.votes import Votes


@register_filter("none")
def none(votes: Votes) -> Tensor:
    """Keep every rollout [N]."""
    return torch.ones_like(votes.conflict)
