"""The held-out worlds: written down before any method was run in them; they test rules, and none is chosen on them."""

import torch
from torch import Tensor

from gd2po.lab.worlds.world import Instance, World


def _dense_agreement(world: Instance) -> list[Tensor]:
    return [world.partial(0, 1, 2), world.partial(1, 2, 3), world.partial(0, 1, 2, 3, 4)]


def _tool(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1), world.share_of(0, first=2), world.ends_with(1)]


def _opposed_tastes(world: Instance) -> list[Tensor]:
    helpful, other = world.taste(), world.taste()
    return [world.teacher(helpful), world.teacher(0.6 * other - 0.8 * helpful)]


def _correct_and_two_styles(world: Instance) -> list[Tensor]:
    return [world.correct(1, 2), world.share_of(1, 2, first=3), world.teacher()]


def _rule_and_brevity(world: Instance) -> list[Tensor]:
    return [world.correct(2, 3), world.share_of(0, first=1)]


def _ten(world: Instance) -> list[Tensor]:
    tastes = [world.taste() for _ in range(3)]
    opposed = [world.teacher(sign * taste) for taste in tastes for sign in (1, -1)]
    return [*opposed, world.correct(0, 1), world.partial(2, 3), world.share_of(0), world.ends_with(2)]


def _rule_and_judge(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1), world.teacher()]


def _double_gate(world: Instance) -> list[Tensor]:
    form = world.ends_with(1)
    correct = form * world.correct(0, 1)
    return [form, correct, correct * world.share_of(2, 3, first=2)]


def _length_bias(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    quality, brevity = world.partial(0, 1, 2, 3), world.share_of(0, first=3)
    judged = quality - 0.5 * brevity
    return [judged, brevity], [quality, brevity]


def _loud_and_unimportant(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    gold = [world.correct(0, 1), world.partial(2, 3, 4), world.teacher()]
    return [gold[0], gold[1], 20 * gold[2]], gold


def _five_rules(world: Instance) -> list[Tensor]:
    often = (world.share_of(0, 1, 2, first=4) > 0).float()
    half = (world.share_of(1, 3, first=3) > 0.75).float()
    return [world.correct(0, 1, 2), world.correct(3, 4), world.correct(0), half, often]


def _opposing_errors(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    true = world.partial(0, 1, 2, 3, 4)
    error = 0.25 * torch.randn(true.shape, generator=world.generator)
    against = torch.where(error * (true - 0.25) < 0, error, 0.0)
    return [true, true + against], [true, true]


HELD_OUT = (
    World(
        "agree-dense",
        "three dense rewards that agree",
        ("agreement",),
        ("front", "middle", "all"),
        _dense_agreement,
        held_out=True,
    ),
    World(
        "small-rate",
        "plain gradient descent with a small rate, gradients as they are, one update a step",
        ("small learning rate", "plain SGD", "sparse"),
        ("correct", "length", "format"),
        _tool,
        optimiser="sgd",
        learning_rate=0.1,
        gradient_norm=None,
        mini_batches=1,
        steps=300,
        held_out=True,
    ),
    World(
        "small-rate-tradeoff",
        "two tastes that oppose each other, plain gradient descent with a small rate, gradients as they are",
        ("small learning rate", "plain SGD", "trade-off"),
        ("helpful", "harmless"),
        _opposed_tastes,
        optimiser="sgd",
        learning_rate=0.05,
        gradient_norm=None,
        steps=300,
        held_out=True,
    ),
    World(
        "many-updates",
        "four passes over each step's rollouts",
        ("several updates", "sparse"),
        ("correct", "style", "taste"),
        _correct_and_two_styles,
        epochs=4,
        learning_rate=0.003,
        held_out=True,
    ),
    World(
        "pairs",
        "groups of two",
        ("small groups", "sparse"),
        ("correct", "brevity"),
        _rule_and_brevity,
        group_size=2,
        groups=64,
        held_out=True,
    ),
    World(
        "ten",
        "ten rewards, of which six cancel in pairs",
        ("many rewards", "trade-off"),
        ("a", "not-a", "b", "not-b", "c", "not-c", "correct", "partial", "length", "format"),
        _ten,
        held_out=True,
    ),
    World(
        "heavy-judge",
        "a rule, and a judge of half the weight with noise of very heavy tails",
        ("noise", "heavy tails", "unequal weights"),
        ("rule", "judge"),
        _rule_and_judge,
        weights=(1.0, 0.5),
        noise=(0, 0.2),
        tail=1.5,
        held_out=True,
    ),
    World(
        "double-gate",
        "a format that gates correctness, which gates style",
        ("gates", "sparse"),
        ("format", "correct", "style"),
        _double_gate,
        warm=20,
        held_out=True,
    ),
    World(
        "length-bias",
        "a judge that dislikes brevity, beside a reward for brevity",
        ("judge errors", "hackable judge", "noise"),
        ("judge", "brevity"),
        _length_bias,
        noise=(0.1, 0),
        held_out=True,
    ),
    World(
        "quiet-weight",
        "weights of 1, 1 and 0.1, and the last reward on twenty times the scale",
        ("unequal weights", "scales"),
        ("correct", "partial", "loud"),
        _loud_and_unimportant,
        weights=(1.0, 1.0, 0.1),
        held_out=True,
    ),
    World(
        "five-rules",
        "five rules that hold in 1.6 % to 75 % of the answers",
        ("sparse", "many rewards"),
        ("rare", "second", "first", "half", "often"),
        _five_rules,
        held_out=True,
    ),
    World(
        "cold-safe",
        "two noisy judges that oppose each other, groups of four, no warm start",
        ("trade-off", "noise", "small groups"),
        ("helpful", "harmless"),
        _opposed_tastes,
        noise=(0.5, 0.5),
        group_size=4,
        groups=32,
        held_out=True,
    ),
    World(
        "opposing-errors",
        "an honest dense reward, and a copy whose errors oppose it: the world that should suit a mask best",
        ("judge errors", "agreement"),
        ("honest", "mistaken"),
        _opposing_errors,
        steps=300,
        learning_rate=0.003,
        held_out=True,
    ),
)
"""Thirteen worlds of regimes that the first set lacks or has once."""
