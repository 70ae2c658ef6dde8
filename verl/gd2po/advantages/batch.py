"""A checked batch: everything an estimator may look at."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.advantages import checks
from gd2po.advantages.groups import Groups, group_rollouts
from gd2po.advantages.normalisation import GroupScores, Normalised, group_scores
from gd2po.advantages.registry import Normaliser
from gd2po.advantages.votes import Votes, cast_votes
from gd2po.defaults import Direction, Missing
from gd2po.registry import ChosenMethod


@dataclass(frozen=True)
class Batch:
    """N rollouts scored by K rewards, on one device, float64.

    Attributes:
        names: The names of the K rewards, in the order of the first axis below.
        scores: The raw scores [K, N]; 0 where not scored.
        scored: Which of them exist [K, N] bool; never in a padding row.
        signs: +1 for maximize, −1 for minimize [K].
        weights: The weights w_k [K].
        groups: Which rollouts share a prompt.
        lengths: The number of response tokens [N].
        valid: False for padding rows [N] bool.
        present: The rollouts that at least one reward of non-zero weight scored [N] bool.
        normaliser: What makes advantages of scores.
        normalised: The advantages per reward [K, N] that it made, direction applied, unweighted.
        votes: The weighted ones, and their conflicts.
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
    normaliser: ChosenMethod[Normaliser]
    normalised: Normalised
    votes: Votes

    def normalise(self, values: Tensor, scored: Tensor) -> Normalised:
        """Scores [..., N] as the normaliser of the batch measures them, 0 where not scored."""
        scores = group_scores(values, scored, self.groups)
        return Normalised(_advantages(self.normaliser, scores), scores.zero_spread)


def assemble(
    scores: Mapping[str, Tensor],
    group_ids: Iterable[Hashable],
    lengths: Tensor,
    *,
    reward_weights: Mapping[str, float] | None,
    directions: Mapping[str, Direction] | None,
    missing: Missing,
    valid: Tensor | None,
    normaliser: ChosenMethod[Normaliser],
) -> Batch:
    """Check the inputs of :func:`gd2po.advantages.compute_rollout_advantages` and do what all estimators share."""
    lengths = checks.token_counts(lengths)
    rollouts, device = len(lengths), lengths.device
    is_valid = checks.valid_rows(valid, rollouts, device)
    values, scored = checks.score_matrix(scores, is_valid, missing)
    weights = torch.tensor(checks.weights(reward_weights, scores), dtype=torch.float64, device=device)
    signs = torch.tensor(checks.signs(directions, scores), dtype=torch.float64, device=device)
    groups = group_rollouts(group_ids, rollouts, device)
    grouped = group_scores(values, scored, groups)
    normalised = Normalised(signs[:, None] * _advantages(normaliser, grouped), grouped.zero_spread)
    present = (scored & (weights != 0)[:, None]).any(0)
    return Batch(
        names=tuple(scores),
        scores=values,
        scored=scored,
        signs=signs,
        weights=weights,
        groups=groups,
        lengths=lengths,
        valid=is_valid,
        present=present,
        normaliser=normaliser,
        normalised=normalised,
        votes=cast_votes(normalised.advantages, weights, present, grouped),
    )


def _advantages(normaliser: ChosenMethod[Normaliser], scores: GroupScores) -> Tensor:
    advantages = checks.finite_values(normaliser(scores), f"normaliser {normaliser.kind!r}", scores.values)
    return torch.where(scores.scored, advantages, 0.0)
