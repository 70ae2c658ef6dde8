"""Advantages of all seeds at once, by the registered normalisers, filters and combinations.

What looks at one rollout, or at one group, sees the seeds side by side, as one batch with S times the groups. What
looks at a whole batch (whitening, the spread of the batch, some filters and combinations) sees one seed at a time, or
an axis of seeds. The estimators of the papers are followed here step by step; the tests compare every method with
:func:`gd2po.advantages.compute_rollout_advantages`, seed by seed. Any other estimator is called for each seed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gd2po.advantages import compute_rollout_advantages
from gd2po.advantages.groups import Groups
from gd2po.advantages.normalisation import GroupScores, group_scores
from gd2po.advantages.votes import Votes, cast_votes
from gd2po.advantages.whitening import NOISE_FLOOR, WHITEN_EPS
from gd2po.lab.methods import LabMethod

SEES_ONE_ROLLOUT = {"none", "hard", "snr", "soft", "sum", "softmin", "dvao"}
"""Filters and combinations that look at each rollout, or its group, alone; others are called once for each seed."""


class SeedAdvantages(NamedTuple):
    """What a method makes of the scores of S seeds.

    Attributes:
        advantages: The advantage of each rollout [S, N] float64.
        kept: The rollouts that may carry an advantage [S, N] bool.
    """

    advantages: Tensor
    kept: Tensor


class BatchedMethod:
    """A method on batches of one shape: the same groups for every seed, all rollouts scored and of one length."""

    def __init__(self, method: LabMethod, weights: Tensor, groups: Tensor, tokens: int) -> None:
        """
        Args:
            method: The method.
            weights: The weights of the rewards [K].
            groups: The number of the group of each rollout [N], from 0 on.
            tokens: The length of every response.
        """
        self._method = method
        self._weights = weights.to(torch.float64)
        self._groups = self.groups_of(groups)
        self._tokens = tokens
        self._normaliser = method.normaliser()
        self._estimator = method.estimator()

    @staticmethod
    def groups_of(index: Tensor) -> Groups:
        """The groups of rollouts, from their numbers [N], which start at 0 and leave none out."""
        return Groups(index, int(index.max()) + 1)

    def __call__(self, scores: Tensor) -> SeedAdvantages:
        """The advantages of scores [K, S, N]."""
        scores = scores.to(torch.float64)
        follow = {"grpo": self._grpo, "gdpo": self._gdpo, "gd2po": self._gd2po}.get(self._estimator.kind)
        return (follow or self._seed_by_seed)(scores)

    def _grpo(self, scores: Tensor) -> SeedAdvantages:
        total = (self._weights[:, None, None] * scores).sum(0)
        everything = torch.ones_like(total, dtype=torch.bool)
        return SeedAdvantages(self._normaliser(group_scores(total, everything, self._groups)), everything)

    def _gdpo(self, scores: Tensor) -> SeedAdvantages:
        votes = self._votes(scores)
        kept = torch.ones(scores.shape[1:], dtype=torch.bool)
        return SeedAdvantages(self._whiten(self._combined(votes, kept), kept, votes), kept)

    def _gd2po(self, scores: Tensor) -> SeedAdvantages:
        options: Any = self._estimator.options
        votes, shape = self._votes(scores), scores.shape[1:]
        factors = self._each(options.filter, votes, shape).reshape(shape)
        kept = factors if factors.dtype == torch.bool else torch.ones(shape, dtype=torch.bool)
        factors = factors.double()
        combined = self._combined(votes.times(factors.flatten()), kept)
        if options.reweight == "keep_ratio":
            sizes = self._groups.sum(torch.ones_like(factors))
            combined = combined * self._groups.to_rollouts(self._groups.sum(factors) / sizes)
        return SeedAdvantages(self._whiten(combined, kept, votes), kept)

    def _votes(self, scores: Tensor) -> Votes:
        """The votes of all seeds side by side [K, S · N]."""
        grouped = group_scores(scores, torch.ones_like(scores, dtype=torch.bool), self._groups)
        advantages = self._normaliser(grouped)
        side_by_side = GroupScores(
            grouped.values.flatten(1),
            grouped.scored.flatten(1),
            self._repeated(scores.shape[1]),
            grouped.count.flatten(1),
            grouped.zero_spread.flatten(1),
            grouped.deviations.flatten(1),
        )
        present = torch.full_like(advantages[0], bool((self._weights != 0).any()), dtype=torch.bool).flatten()
        return cast_votes(advantages.flatten(1), self._weights, present, side_by_side)

    def _repeated(self, seeds: int) -> Groups:
        offsets = self._groups.count * torch.arange(seeds)[:, None]
        return Groups((self._groups.index + offsets).flatten(), self._groups.count * seeds)

    def _combined(self, votes: Votes, kept: Tensor) -> Tensor:
        options: Any = self._estimator.options
        return self._each(options.combine, votes, kept.shape).sum(0).reshape(kept.shape)

    def _each(self, part: Any, votes: Votes, shape: torch.Size) -> Tensor:
        """What a filter or a combination returns for the votes of all seeds, side by side [..., S · N]."""
        if part.kind in SEES_ONE_ROLLOUT:
            return part(votes)
        return torch.cat([part(self._of_seed(votes, seed, shape[1])) for seed in range(shape[0])], -1)

    def _of_seed(self, votes: Votes, seed: int, rollouts: int) -> Votes:
        here, groups = slice(seed * rollouts, (seed + 1) * rollouts), self._groups.count
        there, scores = slice(seed * groups, (seed + 1) * groups), votes.scores
        return Votes(
            votes.weighted[:, here],
            votes.total[here],
            votes.magnitude[here],
            votes.conflict[here],
            votes.snr[here],
            votes.weights,
            votes.present[here],
            GroupScores(
                scores.values[:, here],
                scores.scored[:, here],
                self._groups,
                scores.count[:, there],
                scores.zero_spread[:, there],
                scores.deviations[:, here],
            ),
        )

    def _whiten(self, values: Tensor, kept: Tensor, votes: Votes) -> Tensor:
        """:func:`gd2po.advantages.whitening.whiten` for each seed [S, N], all responses being of one length."""
        options: Any = self._estimator.options
        if options.whiten == "none":
            return torch.where(kept, values, 0.0)
        size = float(self._tokens if options.whiten == "tokens" else 1)
        population = size * kept.sum(1, keepdim=True)
        share = size * kept / (population + WHITEN_EPS)
        mean = (share * values).sum(1, keepdim=True)
        variance = (share * (values - mean).square()).sum(1, keepdim=True) * population / (population - 1)
        whitened = (values - mean) * torch.rsqrt(variance + WHITEN_EPS)
        highest = torch.where(kept, values, -torch.inf).amax(1, keepdim=True)
        lowest = torch.where(kept, values, torch.inf).amin(1, keepdim=True)
        magnitude = torch.where(kept, votes.magnitude.reshape(kept.shape), 0.0).amax(1, keepdim=True)
        varied = highest - lowest > NOISE_FLOOR * magnitude
        return torch.where(kept & varied, whitened, 0.0)

    def _seed_by_seed(self, scores: Tensor) -> SeedAdvantages:
        names = [str(number) for number in range(len(scores))]
        compute: Callable[..., Any] = compute_rollout_advantages
        outputs = [
            compute(
                dict(zip(names, scores[:, seed], strict=True)),
                self._groups.index,
                torch.full((scores.shape[2],), self._tokens),
                estimator=self._estimator,
                normalise=self._normaliser,
                reward_weights=dict(zip(names, self._weights.tolist(), strict=True)),
            )
            for seed in range(scores.shape[1])
        ]
        advantages = torch.stack([output.rollout_advantages for output in outputs]).double()
        return SeedAdvantages(advantages, torch.stack([output.kept for output in outputs]))
