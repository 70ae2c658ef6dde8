"""A checked batch: everything an estimator may look at."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages import checks
from gd2po.advantages.groups import Groups, group_rollouts
from gd2po.advantages.normalisation import Normalised, normalise
from gd2po.advantages.votes import Votes, cast_votes
from gd2po.defaults import Direction, Missing


@dataclass(frozen=True)
class Batch:
    """N rollouts scored by K rewards, on one device, float64.

    Attributes:
        names: the K rewards, in the order of the first axis below.
        scores: raw scores [K, N]; 0 where not scored.
        scored: which of them exist [K, N] bool; never in a padding row.
        signs: +1 for maximize, −1 for minimize [K].
        weights: w_k [K].
        groups: which rollouts share a prompt.
        lengths: response tokens [N].
        valid: False for padding rows [N] bool.
        present: rollouts scored by at least one reward of non-zero weight [N] bool.
        normalised: group-relative advantages per reward [K, N], direction applied, unweighted.
        votes: the weighted ones, and their conflicts.
        norm_by_std: whether `normalised` is divided by the standard deviation of the group.
    """

    names: tuple[str, ...]
    scores: Tensor
    scored: Tensor
    signs: Tensor
    weights: Tensor
    groups: Groups
    lengths: Tensor
    valid: Tensor
    present: Tensor
    normalised: Normalised
    votes: Votes
    norm_by_std: bool


def assemble(
    scores: Mapping[str, Tensor],
    group_ids: Iterable[Hashable],
    lengths: Tensor,
    *,
    reward_weights: Mapping[str, float] | None,
    directions: Mapping[str, Direction] | None,
    missing: Missing,
    valid: Tensor | None,
    norm_by_std: bool,
) -> Batch:
    """Check the inputs of :func:`gd2po.advantages.compute_rollout_advantages` and do what all estimators share."""
    lengths = checks.token_counts(lengths)
    rollouts, device = len(lengths), lengths.device
    is_valid = checks.valid_rows(valid, rollouts, device)
    values, scored = checks.score_matrix(scores, is_valid, missing)
    weights = torch.tensor(checks.weights(reward_weights, scores), dtype=torch.float64, device=device)
    signs = torch.tensor(checks.signs(directions, scores), dtype=torch.float64, device=device)
    groups = group_rollouts(group_ids, rollouts, device)
    unsigned = normalise(values, scored, groups, norm_by_std=norm_by_std)
    normalised = Normalised(signs[:, None] * unsigned.advantages, unsigned.zero_spread)
    return Batch(
        names=tuple(scores),
        scores=values,
        scored=scored,
        signs=signs,
        weights=weights,
        groups=groups,
        lengths=lengths,
        valid=is_valid,
        present=(scored & (weights != 0)[:, None]).any(0),
        normalised=normalised,
        votes=cast_votes(normalised.advantages, weights),
        norm_by_std=norm_by_std,
    )
