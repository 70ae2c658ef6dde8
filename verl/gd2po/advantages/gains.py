"""What an update along given advantages does to each reward, to first order."""

import torch
from torch import Tensor


def gains(per_reward: Tensor, advantages: Tensor, valid: Tensor) -> Tensor:
    """Gain c_k of each reward [K] float64 under advantages a [N].

        c_k = ⟨A_k, a⟩ / (n · rms(a)),    rms(a)² = Σ_i a_i² / n,    both sums over the n valid rollouts

    A step along the policy gradient with advantages a changes the expected reward k by a positive multiple of ⟨A_k, a⟩
    to first order, where the gradients of different rollouts are orthogonal and equally long. (The sign of this
    covariance is the law of CTWA, arXiv 2602.06869, of which only the abstract was read.) The scale of a drops out,
    because optimisers that normalise the step undo it. |c_k| ≤ rms(A_k) by Cauchy and Schwarz, with equality where a is
    a multiple of A_k. A negative gain means that the step is expected to push reward k down. All gains are 0 where a is
    0 throughout.

    Args:
        per_reward: A_k [K, N], normalised within groups, direction applied, unweighted; 0 where not scored.
        advantages: a [N], as used by the update: after filter, combination and whitening; 0 where not kept.
        valid: The rollouts that count [N] bool.
    """
    used = torch.where(valid, advantages.to(torch.float64), 0.0)
    scale = (valid.sum() * used.square().sum()).sqrt()  # n · rms(a)
    return (per_reward.to(torch.float64) @ used) / torch.where(scale > 0, scale, torch.inf)
