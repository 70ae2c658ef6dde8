"""GRPO: Group Relative Policy Optimization (arXiv 2402.03300)."""

import torch
from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import register_estimator


@register_estimator("grpo")
def grpo(batch: Batch) -> Estimate:
    """Sum the rewards, then normalise the sum within its group.

        r_i = Σ_k w_k d_k r_ik,    advantage_i = (r_i − mean_g) / (std_g + 1e-6)

    d_k is +1 for maximize, −1 for minimize. A missing score leaves its term out of the sum. No whitening, no filter.
    Another normaliser than `group_std` measures the sum instead: `group_mean` gives Dr. GRPO, `leave_one_out` RLOO.
    """
    rewards = (batch.weights * batch.signs)[:, None] * batch.scores
    advantages = batch.normalise(rewards.sum(0), batch.present).advantages
    query_weight = batch.present.to(advantages.dtype)
    return Estimate(advantages, batch.present, query_weight, terms=_terms(rewards, advantages, batch))


def _terms(rewards: Tensor, advantages: Tensor, batch: Batch) -> Tensor:
    """Weighted rewards [K, N] about their group means, scaled as their sum was to become the advantages [N]."""
    groups, present = batch.groups, batch.present
    mean = groups.sum(rewards * present) / groups.sum(present).clamp(min=1)
    centred = (rewards - groups.to_rollouts(mean)) * present
    spread = groups.sum(centred.sum(0).abs())
    scale = groups.sum(advantages.abs()) / torch.where(spread > 0, spread, torch.inf)
    return groups.to_rollouts(scale) * centred
