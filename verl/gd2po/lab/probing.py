"""A method's update beside the exact gradient, and what sampled scores alone say of it."""

from collections.abc import Iterable

import torch
from torch import Tensor

from gd2po.advantages.normalisation import STD_EPS, group_scores
from gd2po.lab.batched import BatchedMethod
from gd2po.lab.methods import LabMethod
from gd2po.lab.policy import TOKENS, forward, gradient
from gd2po.lab.results import Update
from gd2po.lab.training import PreparedWorld, Rollouts, draw_noise, roll_out
from gd2po.lab.worlds.world import TRAINING_PROMPTS

_SAMPLES = 2
"""How often every training prompt is rolled out."""


class Probe:
    """Fresh rollouts of S policies to all training prompts, on which methods are compared.

    Attributes:
        scores: The observed scores of the first sample [K, S, N]; N = 64 · group_size.
        groups: The group of each of its rollouts [N].
    """

    def __init__(self, prepared: PreparedWorld, weights: Tensor, stage: str) -> None:
        """
        Args:
            prepared: The world.
            weights: The policies [S, D].
            stage: The time in the training, which chooses the random numbers.
        """
        self._prepared, self._weights = prepared, weights
        self._samples = [self._roll_out(f"{stage} {number}") for number in range(_SAMPLES)]
        self.scores = self._samples[0].scores
        self.groups = prepared.groups(TRAINING_PROMPTS)
        self._exact = prepared.exact_gradient(weights)
        size = prepared.world.rollouts
        self._batches = [
            (inputs.flatten(2), tokens.flatten(1), scores)
            for sample in self._samples
            for inputs, tokens, scores in zip(
                sample.inputs.split(size, -1), sample.tokens.split(size, -1), sample.scores.split(size, -1), strict=True
            )
        ]
        self._passed = [forward(weights, inputs, tokens) for inputs, tokens, _ in self._batches]

    def measure(self, method: LabMethod) -> Update:
        """The update of a method at these policies; without what happened afterwards."""
        updates = torch.stack(list(self._updates(method)))  # [B, S, D]
        mean = updates.mean(0)
        spread = (updates - mean).square().sum((0, 2)) / (len(updates) - 1)
        signal = mean.square().sum(1) - spread / len(updates)
        compute = BatchedMethod(method, self._prepared.reward_weights, self.groups, TOKENS)
        advantages, kept = compute(self.scores)
        gains, certainties, pooled_gains = self._gains(advantages)
        names = self._prepared.world.rewards

        def by_reward(values: Tensor) -> dict[str, list[float]]:
            return dict(zip(names, map(rounded, values), strict=True))

        return Update(
            cosine=rounded(torch.cosine_similarity(updates, self._exact, dim=2).mean(0)),
            cosine_of_mean=rounded(torch.cosine_similarity(mean, self._exact, dim=1)),
            signal_to_noise=rounded(signal / spread.clamp(min=1e-12)),
            masked=rounded(1 - kept.double().mean(1)),
            gain=by_reward(gains),
            certainty=by_reward(certainties),
            pooled_gain=by_reward(pooled_gains),
            change={},
        )

    def _roll_out(self, purpose: str) -> Rollouts:
        prepared = self._prepared
        world, seeds = prepared.world, prepared.seeds
        count = TRAINING_PROMPTS * world.group_size
        uniforms = torch.stack(
            [torch.rand(TOKENS, count, generator=world.generator(seed, f"probe {purpose}")) for seed in seeds]
        )
        noises = [
            draw_noise(world, (len(world.rewards), count), world.generator(seed, f"probe noise {purpose}"))
            for seed in seeds
        ]
        noise = torch.stack([values for values in noises if values is not None], 1) if world.noise else None
        prompts = torch.arange(TRAINING_PROMPTS).expand(len(seeds), -1)
        return roll_out(prepared, self._weights, prompts, uniforms, noise)

    def _updates(self, method: LabMethod) -> Iterable[Tensor]:
        world = self._prepared.world
        compute = BatchedMethod(method, self._prepared.reward_weights, self._prepared.groups(world.groups), TOKENS)
        for (inputs, tokens, scores), passed in zip(self._batches, self._passed, strict=True):
            factors = compute(scores).advantages.float().repeat(1, TOKENS) / tokens.shape[1]
            yield gradient(self._weights, inputs, tokens, passed, factors)

    def _gains(self, advantages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gains c_k, these over their standard errors, and gains in units of the pooled spread [K, S] each.

        See :func:`gd2po.advantages.gains.gains`; the standard error is that of the sum over groups, with the size of
        the advantages held fixed.
        """
        groups = BatchedMethod.groups_of(self.groups)
        scores = self.scores.double()
        grouped = group_scores(scores, torch.ones_like(scores, dtype=torch.bool), groups)
        normalised = grouped.divided_by(grouped.std)
        size = (advantages.shape[1] * advantages.square().sum(1)).sqrt().clamp(min=1e-12)
        products = groups.sum(normalised * advantages)
        total = products.sum(-1)
        noise = (products.square().sum(-1) - total.square() / groups.count).clamp(min=1e-24).sqrt()
        pooled = ((grouped.deviations * advantages).sum(-1)) / (grouped.pooled_std[..., 0] + STD_EPS)
        return total / size, total / noise, pooled / size


def rounded(values: Tensor, digits: int = 5) -> list[float]:
    """Values [n] with so many digits after the point."""
    return [round(value, digits) for value in values.tolist()]
