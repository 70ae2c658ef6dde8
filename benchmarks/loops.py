"""GRPO, GDPO and GD²PO in plain per-row loops, in the style of the published code; independent of the package.

Scores are tensors [N, T] that are 0 but on the last token. There is a dictionary of lists per group, one iteration
and one 0-d tensor per row and reward; every group is compared with all ids for its kept share, and everything is
broadcast to tokens before it is whitened.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def loop_normalise(scores: Tensor, group_ids: Sequence[str], mask: Tensor, *, norm_by_std: bool = True) -> Tensor:
    """Group-normalised scores [N], row by row, on every response token [N, T]. A lone rollout keeps its raw score."""
    members = defaultdict(list)
    for row, group in enumerate(group_ids):
        members[group].append(scores[row])
    mean, std = {}, {}
    for group, values in members.items():
        lone = len(values) == 1
        mean[group] = torch.tensor(0.0) if lone else torch.stack(values).mean()
        std[group] = torch.tensor(1.0) if lone else torch.stack(values).std()
    normalised = torch.empty_like(scores)
    for row, group in enumerate(group_ids):
        centred = scores[row] - mean[group]
        normalised[row] = centred / (std[group] + 1e-6) if norm_by_std else centred
    return normalised[:, None] * mask


def loop_kept(per_reward: Sequence[Tensor], threshold: float) -> list[bool]:
    """Which rows pass the conflict filter, judged on token sums; threshold 1 is the hard filter."""
    votes = torch.stack([tokens.sum(-1) for tokens in per_reward], dim=1)
    kept = []
    for row in votes:
        conflict = bool((row > 1e-8).any() and (row < -1e-8).any())
        ratio = row.sum().abs() / (row.abs().sum() + 1e-8)
        kept.append(not (conflict and bool(ratio < threshold)))
    return kept


def loop_whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance over the mask's tokens."""
    count = mask.sum()
    mean = (values * mask).sum() / (count + 1e-8)
    variance = ((values - mean) ** 2 * mask).sum() / (count + 1e-8) * count / (count - 1)
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


def on_last_token(scores: Tensor, lengths: Tensor, tokens: int) -> Tensor:
    """Scores [N] as trainers pass them: [N, T], 0 but on the last response token (none in an empty response)."""
    return scores[:, None] * (torch.arange(tokens) == lengths.clamp(min=1)[:, None] - 1)


def loop_advantages(
    token_scores: Sequence[Tensor],
    group_ids: Sequence[str],
    mask: Tensor,
    *,
    estimator: str = "gd2po",
    threshold: float = 1.0,
    norm_by_std: bool = True,
    whiten: bool = True,
) -> Tensor:
    """GRPO, GDPO or GD²PO in plain loops, as published: token scores [N, T] per reward, float32 mask and result."""
    scores = [tokens.sum(-1) for tokens in token_scores]
    if estimator == "grpo":
        return loop_normalise(torch.stack(scores).sum(0), group_ids, mask, norm_by_std=norm_by_std)
    per_reward = [loop_normalise(row, group_ids, mask, norm_by_std=norm_by_std) for row in scores]
    summed = torch.stack(per_reward).sum(0)
    if estimator == "gd2po":
        kept = torch.tensor(loop_kept(per_reward, threshold))
        ids = np.array(group_ids, dtype=object)
        for group in np.unique(ids):
            rows = torch.from_numpy(ids == group)
            summed[rows] *= kept[rows].float().mean()
        mask = mask * kept[:, None]
        summed = summed * mask
    return loop_whiten(summed, mask) if whiten else summed
