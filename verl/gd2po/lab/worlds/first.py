"""The first set of worlds, on which rules may be chosen."""

import torch
from torch import Tensor

from gd2po.lab.worlds.world import Instance, Rewards, World


def _tool(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1, 2), world.share_of(0, first=2)]


def _tool_of_two(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1), world.share_of(0, first=2), world.ends_with(1)]


def _tool_of_four(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1, 2, 3), world.share_of(0, first=2), world.ends_with(1)]


def _nested(world: Instance) -> list[Tensor]:
    return [world.correct(0), world.correct(0, 1), world.correct(0, 1, 2)]


def _teachers(count: int) -> Rewards:
    return lambda world: [world.teacher() for _ in range(count)]


def _scale(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    gold = [world.partial(0, 1, 2), world.share_of(0)]
    return [0.1 * gold[0], 10 * gold[1]], gold


def _scale_agree(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    gold = [world.partial(0, 1), world.partial(0, 1, 2), world.partial(0, 1, 2, 3, 4)]
    return [100 * gold[0], gold[1], 0.01 * gold[2]], gold


def _rule_and_model(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1), world.partial(2, 3, 4)]


def _hack(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    rule, quality = world.correct(0, 1), world.partial(0, 1, 2, 3, 4)
    return [rule, quality + 0.75 * world.share_of(3)], [rule, quality]


def _hack_pair(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    quality = world.partial(0, 1, 2, 3, 4)
    return [quality + 0.75 * world.share_of(3), quality], [quality, quality]


def _gated(world: Instance) -> list[Tensor]:
    correct = world.correct(0, 1)
    return [correct, correct * world.share_of(2, 3)]


def _copies(world: Instance) -> list[Tensor]:
    copied = world.partial(0, 1, 2)
    return [copied, copied, copied, world.share_of(0)]


def _sparse_copies(world: Instance) -> list[Tensor]:
    copied = world.correct(0, 1, 2)
    return [copied, copied, copied, copied, world.share_of(0, first=2)]


def _rare(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1, 2, 3), world.share_of(2, 3, first=3)]


def _safe(world: Instance) -> list[Tensor]:
    helpful, other = world.taste(), world.taste()
    return [world.teacher(helpful), world.teacher(0.8 * other - 0.6 * helpful)]


def _safe_with_errors(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    helpful, other = world.taste(), world.taste()
    harmless = 0.8 * other - 0.6 * helpful
    judged = [world.teacher(0.8 * true + 0.6 * world.taste()) for true in (helpful, harmless)]
    return judged, [world.teacher(helpful), world.teacher(harmless)]


def _many(world: Instance) -> list[Tensor]:
    rules = [world.correct(0, 1), world.partial(2, 3, 4), world.share_of(0, first=2), world.ends_with(1)]
    return [*rules, world.teacher(), world.teacher()]


def _ensemble(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    true = world.taste()
    judged = [world.teacher(0.8 * true + 0.6 * world.taste()) for _ in range(3)]
    return judged, [world.teacher(true)] * 3


def _ensemble_hack(world: Instance) -> tuple[list[Tensor], list[Tensor]]:
    true = world.taste()
    honest = world.teacher(0.9 * true + 0.44 * world.taste())
    return [world.teacher(true) + world.share_of(3), honest], [world.teacher(true)] * 2


def _weighted(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1, 2), world.share_of(0, first=2), world.share_of(2, 3, first=3)]


def _ladder(world: Instance) -> list[Tensor]:
    rungs = [world.correct(*range(height)) for height in (1, 2, 3, 4)]
    return [*rungs, world.share_of(2, 3, first=3)]


def _constant(world: Instance) -> list[Tensor]:
    return [world.correct(0, 1), world.share_of(0, first=2), world.constant(0.5)]


def _hard_easy(world: Instance) -> list[Tensor]:
    reward = world.correct(0, 1)
    by_chance = (torch.rand(reward.shape, generator=world.generator) < 1 / 16).float()
    unlearnable = world.bits[:, 7:] > 0
    return [torch.where(unlearnable, by_chance, reward), world.share_of(0, first=2)]


FIRST = (
    World("tool", "sparse correctness, easy length", ("sparse", "warm"), ("correct", "length"), _tool, warm=40),
    World("tool3", "the same, easier, with a format", ("sparse",), ("correct", "length", "format"), _tool_of_two),
    World("nested", "rewards that agree, of rising difficulty", ("agreement",), ("one", "two", "three"), _nested),
    World("tradeoff", "two teachers that differ", ("trade-off",), ("first", "second"), _teachers(2)),
    World("scale", "scales of 0.1 and 10", ("scales",), ("partial", "length"), _scale),
    World(
        "noisy", "a rule, and a model with fresh noise", ("noise",), ("rule", "model"), _rule_and_model, noise=(0, 0.3)
    ),
    World("hack", "a judge that pays for a token", ("hackable judge",), ("rule", "judge"), _hack),
    World("gated", "style counts only where correct", ("gates",), ("correct", "style"), _gated),
    World("dup", "three copies, and another reward", ("duplicates",), ("a", "copy", "copy2", "length"), _copies),
    World("rare", "success 1 in 256, easy style", ("sparse",), ("correct", "style"), _rare, group_size=16),
    World(
        "safe",
        "two noisy judges that partly oppose each other",
        ("trade-off", "noise", "warm", "small groups"),
        ("helpful", "harmless"),
        _safe,
        noise=(0.3, 0.3),
        group_size=4,
        warm=20,
    ),
    World(
        "many",
        "six rewards",
        ("many rewards",),
        ("correct", "partial", "length", "format", "first", "second"),
        _many,
        group_size=16,
    ),
    World("ensemble", "three judges of one gold, each with its errors", ("judge errors",), ("a", "b", "c"), _ensemble),
    World(
        "tool-warm",
        "tool3, harder",
        ("sparse", "warm", "small groups"),
        ("correct", "length", "format"),
        _tool_of_four,
        group_size=4,
        warm=40,
    ),
    World(
        "tail",
        "a model with heavy-tailed noise",
        ("noise", "heavy tails"),
        ("rule", "model"),
        _rule_and_model,
        noise=(0, 0.3),
        tail=2.0,
    ),
    World(
        "hack-pair",
        "a hackable judge, and an honest noisy one",
        ("hackable judge", "noise"),
        ("hackable", "honest"),
        _hack_pair,
        noise=(0, 0.3),
        group_size=16,
    ),
    World("scale-agree", "scales of 100, 1 and 0.01", ("scales", "agreement"), ("two", "three", "five"), _scale_agree),
    World(
        "five-teachers",
        "five teachers that differ",
        ("trade-off", "many rewards"),
        ("a", "b", "c", "d", "e"),
        _teachers(5),
    ),
    World(
        "dup-sparse",
        "four copies of a sparse reward, easy length",
        ("duplicates", "sparse"),
        ("correct", "copy", "copy2", "copy3", "length"),
        _sparse_copies,
    ),
    World(
        "weights",
        "weights of 1, 0.3 and 0.3",
        ("unequal weights", "sparse"),
        ("correct", "length", "style"),
        _weighted,
        weights=(1.0, 0.3, 0.3),
    ),
    World(
        "ladder",
        "four rungs, and style",
        ("agreement", "many rewards", "small groups"),
        ("one", "two", "three", "four", "style"),
        _ladder,
        group_size=4,
    ),
    World(
        "tool-sgd",
        "tool3 by plain gradient descent",
        ("sparse", "plain SGD"),
        ("correct", "length", "format"),
        _tool_of_two,
        optimiser="sgd",
        learning_rate=0.3,
    ),
    World(
        "constant",
        "one reward is tiny noise only",
        ("noise",),
        ("correct", "length", "nothing"),
        _constant,
        noise=(0, 0, 0.001),
    ),
    World(
        "ensemble-hack",
        "two judges, of which one is hackable",
        ("hackable judge", "judge errors"),
        ("hackable", "honest"),
        _ensemble_hack,
        group_size=16,
    ),
    World(
        "safe-sys",
        "two judges with fixed errors",
        ("trade-off", "judge errors", "warm"),
        ("helpful", "harmless"),
        _safe_with_errors,
        warm=20,
    ),
    World(
        "hard-easy",
        "half of the prompts cannot be learned",
        ("sparse", "unlearnable prompts"),
        ("correct", "length"),
        _hard_easy,
    ),
)
"""Worlds after the descriptions of an earlier lab. Learning rates were set by what `gdpo` learned in them."""
