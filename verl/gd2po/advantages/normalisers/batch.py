"""The normaliser of REINFORCE++ (arXiv 2501.03262)."""

import torch
from torch import Tensor

from gd2po.advantages.groups import Groups
from gd2po.advantages.normalisation import GroupScores, group_scores
from gd2po.advantages.registry import register_normaliser


@register_normaliser("batch")
def batch(scores: GroupScores) -> Tensor:
    """Compare each score with all rollouts of the batch, whatever their prompt [..., N].

    A_i = (r_i − mean) / (std + 1e-6),    mean and std over all n scored rollouts, std with n − 1

    A rollout alone in its group has an advantage too, and so has a group that ties: easy prompts are pushed up and hard
    ones down, whatever the policy did. A reward that ties in the whole batch gives exactly 0. The paper normalises the
    advantages of one reward over the tokens of the batch; here each reward is measured over its rollouts. The paper was
    not read past its introduction.
    """
    whole = Groups(torch.zeros_like(scores.groups.index), min(1, scores.groups.count))
    together = group_scores(scores.values, scores.scored, whole)
    return together.divided_by(together.std)
