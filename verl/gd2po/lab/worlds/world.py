"""What a world is: tables of rewards over all answers, noise on what is observed, and the settings of the training."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from gd2po.lab.policy import ANSWERS, BITS, SYMBOLS, TOKENS, all_answers

TRAINING_PROMPTS, TEST_PROMPTS = 64, 32
_PROMPTS = TRAINING_PROMPTS + TEST_PROMPTS
_TARGET_BITS = ((0, 1), (2, 3), (4, 5), (6, 7), (0, 4))


class Instance:
    """The prompts of a world for one seed, and the parts of which rewards [P, ANSWERS] in [0, 1] are made.

    Attributes:
        bits: The prompts [P, BITS] of −1 and 1; the first 64 are trained on.
        target: The right token at each place of the answer to each prompt [P, TOKENS]: two bits of the prompt.
        generator: The source of whatever is random in the rewards.
    """

    def __init__(self, generator: torch.Generator) -> None:
        numbers = torch.randperm(2**BITS, generator=generator)[:_PROMPTS]
        zero_one = numbers[:, None] // 2 ** torch.arange(BITS) % 2
        self.bits = (2 * zero_one - 1).float()
        self.target = torch.stack([2 * zero_one[:, high] + zero_one[:, low] for high, low in _TARGET_BITS], 1)
        self.generator = generator
        self._answers = all_answers()

    def correct(self, *places: int) -> Tensor:
        """1 where all tokens at these places are right, else 0."""
        return self._matches(places).all(-1).float()

    def partial(self, *places: int) -> Tensor:
        """The share of the tokens at these places that are right."""
        return self._matches(places).float().mean(-1)

    def share_of(self, *symbols: int, first: int = 0) -> Tensor:
        """The share of the answer's tokens, from a place on, that are one of these symbols, whatever the prompt."""
        tokens = self._answers[:, first:]
        return torch.isin(tokens, torch.tensor(symbols)).float().mean(-1).expand(_PROMPTS, ANSWERS)

    def ends_with(self, symbol: int) -> Tensor:
        """1 where the last token is this symbol, else 0."""
        return (self._answers[:, -1] == symbol).float().expand(_PROMPTS, ANSWERS)

    def constant(self, value: float) -> Tensor:
        """The same value for every answer."""
        return torch.full((_PROMPTS, ANSWERS), value)

    def taste(self) -> Tensor:
        """A random smooth function of prompt and tokens, of mean 0 and variance 1 over answers."""
        by_bits = torch.randn(TOKENS, SYMBOLS, BITS, generator=self.generator) / BITS**0.5
        by_token = torch.randn(TOKENS, SYMBOLS, 1, generator=self.generator)
        for_prompts = by_bits @ self.bits.T + by_token  # [TOKENS, SYMBOLS, P]
        values = sum(for_prompts[place][self._answers[:, place]] for place in range(TOKENS))
        assert isinstance(values, Tensor)
        return ((values - values.mean()) / values.std()).T

    def teacher(self, taste: Tensor | None = None) -> Tensor:
        """A smooth reward: the logistic function of a taste, of a new one if none is given."""
        return torch.sigmoid(1.5 * (self.taste() if taste is None else taste))

    def _matches(self, places: tuple[int, ...]) -> Tensor:
        chosen = list(places)
        return self._answers[None, :, chosen] == self.target[:, None, chosen]


Rewards = Callable[[Instance], "tuple[list[Tensor], list[Tensor]] | list[Tensor]"]
"""Instance → the observed rewards and the gold rewards [P, ANSWERS] each; one list where both are the same."""


@dataclass(frozen=True)
class World:
    """A small exact world.

    Attributes:
        name: The name of the world.
        summary: What it is, in a line.
        categories: The regimes to which it belongs.
        rewards: The names of the K rewards.
        make: What makes the observed and the gold rewards of one seed.
        weights: The weights of the rewards, in training and in the weighted mean of the gold rewards; all 1 if empty.
        noise: The scale of the fresh noise on each observed score; none if empty.
        tail: The degrees of freedom of Student's t noise; None for a normal distribution.
        group_size: The number of rollouts of a prompt.
        groups: The number of prompts in a step.
        steps: The number of training steps.
        mini_batches: The number of updates in a pass over a step's rollouts.
        epochs: The number of passes over a step's rollouts.
        optimiser: Adam, or plain stochastic gradient descent.
        learning_rate: The learning rate.
        gradient_norm: The norm to which larger gradients are cut; None if they are not.
        warm: The number of supervised steps towards the right tokens before the training.
        held_out: Whether the world was written down before a method was run on it.
    """

    name: str
    summary: str
    categories: tuple[str, ...]
    rewards: tuple[str, ...]
    make: Rewards = field(repr=False)
    weights: tuple[float, ...] = ()
    noise: tuple[float, ...] = ()
    tail: float | None = None
    group_size: int = 8
    groups: int = 16
    steps: int = 200
    mini_batches: int = 4
    epochs: int = 1
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 0.005
    gradient_norm: float | None = 1.0
    warm: int = 0
    held_out: bool = False

    @property
    def reward_weights(self) -> tuple[float, ...]:
        """The weight of each reward."""
        return self.weights or (1.0,) * len(self.rewards)

    @property
    def rollouts(self) -> int:
        """The number of rollouts in a step, N."""
        return self.groups * self.group_size

    def generator(self, seed: int, purpose: str) -> torch.Generator:
        """Random numbers that depend on the world, the seed and the purpose alone."""
        return torch.Generator().manual_seed(zlib.crc32(f"{self.name} {seed} {purpose}".encode()))

    def tables(self, seed: int) -> tuple[Instance, Tensor, Tensor]:
        """The prompts of a seed, and its observed and gold rewards [K, P, ANSWERS] each."""
        instance = Instance(self.generator(seed, "rewards"))
        made = self.make(instance)
        observed, gold = made if isinstance(made, tuple) else (made, made)
        return instance, torch.stack(observed), torch.stack(gold)
