"""One method in one world, for all seeds at once."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from gd2po.lab.batched import BatchedMethod
from gd2po.lab.methods import LabMethod
from gd2po.lab.policy import (
    BITS,
    SYMBOLS,
    TOKENS,
    answer_numbers,
    answer_probabilities,
    forward,
    gradient,
    initial_weights,
    inputs_of,
    sample,
)
from gd2po.lab.worlds.world import TRAINING_PROMPTS, World

EVALUATE_EVERY, SOON = 50, 25
"""The number of steps between two evaluations, and after which there is another one at the beginning."""

_CLIP = 0.2
_WARM_RATE, _WARM_SMOOTHING = 0.02, 0.4
_BETAS, _ADAM_EPS = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class PreparedWorld:
    """A world for S seeds: its tables, its random numbers and the policies at its start, the same for all methods.

    Attributes:
        world: The world.
        seeds: The seeds, S of them.
        bits: The prompts [S, BITS, P]; the first 64 are trained on.
        observed: The observed rewards of every answer [K, S, ANSWERS, P], without fresh noise.
        gold: The gold rewards of every answer [K, S, ANSWERS, P].
        prompts: The prompts of each step [S, steps, groups].
        uniforms: The numbers that choose the tokens [S, steps, TOKENS, N].
        noise: The fresh noise on each score [K, S, steps, N]; None where there is none.
        weights: The weights of the policies at the start [S, D].
    """

    world: World
    seeds: tuple[int, ...]
    bits: Tensor
    observed: Tensor
    gold: Tensor
    prompts: Tensor
    uniforms: Tensor
    noise: Tensor | None
    weights: Tensor

    @functools.cached_property
    def gold_on_tests(self) -> Tensor:
        """The gold rewards of every answer to the test prompts [S, K, ANSWERS · prompts]."""
        return self.gold[..., TRAINING_PROMPTS:].flatten(2).transpose(0, 1).contiguous()

    @property
    def reward_weights(self) -> Tensor:
        """The weights of the rewards [K] float64."""
        return torch.tensor(self.world.reward_weights, dtype=torch.float64)

    def groups(self, prompts: int) -> Tensor:
        """The group of each rollout [prompts · group_size]."""
        return torch.arange(prompts).repeat_interleave(self.world.group_size)

    def expected_gold(self, weights: Tensor) -> Tensor:
        """The exact expected gold rewards [K, S] of policies [S, D] on the test prompts."""
        bits = self.bits[..., TRAINING_PROMPTS:]
        probabilities = answer_probabilities(weights, bits).flatten(1)[..., None]
        return (self.gold_on_tests @ probabilities)[..., 0].T / bits.shape[-1]

    def exact_gradient(self, weights: Tensor) -> Tensor:
        """The gradient [S, D] of the weighted sum of the expected gold rewards on the training prompts."""
        weights = weights.detach().requires_grad_()
        probabilities = answer_probabilities(weights, self.bits[..., :TRAINING_PROMPTS])
        summed = torch.einsum("ksap,k->sap", self.gold[..., :TRAINING_PROMPTS], self.reward_weights.float())
        (result,) = torch.autograd.grad((probabilities * summed).sum() / TRAINING_PROMPTS, weights)
        return result


@dataclass(frozen=True)
class Rollouts:
    """Sampled answers with their scores.

    Attributes:
        inputs: What the policy reads at each token [S, inputs, TOKENS, N].
        tokens: The answers [S, TOKENS, N].
        log_probabilities: Of each token under the policy that wrote it [S, TOKENS, N].
        scores: The observed scores [K, S, N].
    """

    inputs: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    scores: Tensor


def prepare(world: World, seeds: tuple[int, ...]) -> PreparedWorld:
    """Make a world for these seeds; what a seed gives does not depend on the other seeds."""
    instances, observed, gold = zip(*(world.tables(seed) for seed in seeds), strict=True)
    bits = torch.stack([instance.bits.T for instance in instances])
    target = torch.stack([instance.target.T for instance in instances])
    weights = torch.stack([initial_weights(world.generator(seed, "weights")) for seed in seeds])
    steps, rollouts, rewards = world.steps, world.rollouts, len(world.rewards)
    prompts, uniforms, noise = [], [], []
    for seed in seeds:
        generator = world.generator(seed, "rollouts")
        passes = -(-steps * world.groups // TRAINING_PROMPTS)
        order = torch.cat([torch.randperm(TRAINING_PROMPTS, generator=generator) for _ in range(passes)])
        prompts.append(order[: steps * world.groups].view(steps, world.groups))
        uniforms.append(torch.rand(steps, TOKENS, rollouts, generator=generator))
        noise.append(draw_noise(world, (rewards, steps, rollouts), world.generator(seed, "noise")))
    return PreparedWorld(
        world=world,
        seeds=seeds,
        bits=bits,
        observed=torch.stack(observed, 1).transpose(2, 3).contiguous(),
        gold=torch.stack(gold, 1).transpose(2, 3).contiguous(),
        prompts=torch.stack(prompts),
        uniforms=torch.stack(uniforms),
        noise=torch.stack([values for values in noise if values is not None], 1) if world.noise else None,
        weights=_warmed(weights, bits[..., :TRAINING_PROMPTS], target[..., :TRAINING_PROMPTS], world.warm),
    )


def draw_noise(world: World, shape: tuple[int, ...], generator: torch.Generator) -> Tensor | None:
    """Fresh noise of a world [K, …], normal or of Student's t; None where the world has none."""
    if not world.noise:
        return None
    values = torch.randn(shape, generator=generator)
    if world.tail is not None:
        degrees = torch.full(shape, world.tail / 2)
        # A chi-squared number is a gamma number of half its degrees of freedom, times two.
        values = values / (2 * torch._standard_gamma(degrees, generator=generator) / world.tail).sqrt()
    return values * torch.tensor(world.noise).view(-1, *[1] * (len(shape) - 1))


def roll_out(
    prepared: PreparedWorld, weights: Tensor, prompts: Tensor, uniforms: Tensor, noise: Tensor | None
) -> Rollouts:
    """Answers of policies [S, D] to prompts [S, groups], with their observed scores."""
    seed = torch.arange(len(prompts))[:, None]
    repeated = prompts.repeat_interleave(prepared.world.group_size, 1)
    bits = prepared.bits.gather(2, repeated[:, None].expand(-1, BITS, -1))
    tokens, log_probabilities = sample(weights, bits, uniforms)
    scores = prepared.observed[:, seed, answer_numbers(tokens), repeated]
    if noise is not None:
        scores = scores + noise
    return Rollouts(inputs_of(bits, tokens), tokens, log_probabilities, scores)


def train(
    prepared: PreparedWorld, method: LabMethod, steps: range | None = None, weights: Tensor | None = None
) -> tuple[Tensor, dict[int, Tensor]]:
    """Train S policies; Adam starts anew.

    Args:
        prepared: The world.
        method: The method.
        steps: The steps whose prompts and random numbers are used; all if not given.
        weights: The policies at the beginning [S, D]; those of the world if not given.

    Returns:
        The gold rewards [evaluations, K, S] before the first step, 25 steps later, after every 50th step and after the
        last one; and the weights at each of these times, by the number of steps done.
    """
    world = prepared.world
    steps = range(world.steps) if steps is None else steps
    weights = prepared.weights if weights is None else weights
    compute = BatchedMethod(method, prepared.reward_weights, prepared.groups(world.groups), TOKENS)
    optimiser = _Optimiser(world, weights)
    gold, passed = [prepared.expected_gold(weights)], {steps.start: weights}
    for step in steps:
        noise = None if prepared.noise is None else prepared.noise[:, :, step]
        rollouts = roll_out(prepared, weights, prepared.prompts[:, step], prepared.uniforms[:, step], noise)
        advantages = compute(rollouts.scores).advantages.float()
        weights = _update(world, weights, rollouts, advantages, optimiser)
        if (step + 1) % EVALUATE_EVERY == 0 or step + 1 in (steps.start + SOON, steps.stop):
            gold.append(prepared.expected_gold(weights))
            passed[step + 1] = weights
    return torch.stack(gold), passed


class _Optimiser:
    """Adam or plain gradient descent on each of S policies, with the gradient's norm cut."""

    def __init__(self, world: World, weights: Tensor) -> None:
        self._world = world
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        self._steps = 0

    def step(self, weights: Tensor, ascent: Tensor) -> Tensor:
        """The weights [S, D] after a step along a gradient of what is to rise [S, D]."""
        if self._world.gradient_norm is not None:
            norm = ascent.norm(dim=1, keepdim=True)
            ascent = ascent * (self._world.gradient_norm / norm.clamp(min=1e-12)).clamp(max=1.0)
        if self._world.optimiser == "sgd":
            return weights + self._world.learning_rate * ascent
        self._steps += 1
        first, second = _BETAS
        self._mean.lerp_(ascent, 1 - first)
        self._square.mul_(second).addcmul_(ascent, ascent, value=1 - second)
        size = self._square.sqrt().mul_((1 - second**self._steps) ** -0.5).add_(_ADAM_EPS)
        return weights.addcdiv(self._mean, size, value=self._world.learning_rate / (1 - first**self._steps))


def _update(world: World, weights: Tensor, rollouts: Rollouts, advantages: Tensor, optimiser: _Optimiser) -> Tensor:
    """The weights after the mini-batches of one step, with PPO's clipped ratio of each token."""
    size = -(-world.groups // world.mini_batches) * world.group_size
    inputs, tokens, old = (
        [part.flatten(-2) for part in values.split(size, -1)]
        for values in (rollouts.inputs, rollouts.tokens, rollouts.log_probabilities)
    )
    per_token = [part.repeat(1, TOKENS) / part.shape[1] / TOKENS for part in advantages.split(size, 1)]
    for _ in range(world.epochs):
        for part, factors in enumerate(per_token):
            passed = forward(weights, inputs[part], tokens[part])
            ratio = (passed.log_probabilities - old[part]).exp()
            outside = torch.where(factors > 0, ratio > 1 + _CLIP, ratio < 1 - _CLIP)
            used = torch.where(outside, 0.0, factors * ratio)
            weights = optimiser.step(weights, gradient(weights, inputs[part], tokens[part], passed, used))
    return weights


def _warmed(weights: Tensor, bits: Tensor, target: Tensor, steps: int) -> Tensor:
    """Weights after supervised steps towards the right tokens, each of which is another one in part of the answers."""
    inputs, tokens = inputs_of(bits, target).flatten(2), target.flatten(1)
    everywhere = torch.arange(SYMBOLS)[:, None, None].expand(-1, *tokens.shape)
    mean, square = torch.zeros_like(weights), torch.zeros_like(weights)
    first, second = _BETAS
    for step in range(1, steps + 1):
        passed = forward(weights, inputs, tokens)
        ascent = torch.zeros_like(weights)
        for symbols in everywhere:
            share = torch.where(symbols == tokens, 1 - _WARM_SMOOTHING, _WARM_SMOOTHING / (SYMBOLS - 1))
            ascent += gradient(weights, inputs, symbols, passed, share / tokens.shape[1])
        mean, square = first * mean + (1 - first) * ascent, second * square + (1 - second) * ascent.square()
        update = mean / (1 - first**step) / ((square / (1 - second**step)).sqrt() + _ADAM_EPS)
        weights = weights + _WARM_RATE * update
    return weights
