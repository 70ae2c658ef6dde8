"""Checks of a running reward model before anything is trained or evaluated by it, by answers of known worth."""

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gd2po.defaults import Direction
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.settings import ModelSettings

INVERTED_SHARE = 0.75
"""Share of known pairs with the worse answer preferred from which on a direction counts as inverted."""

DOUBTFUL_SHARE = 0.6
"""Share of known pairs with the better answer preferred below which a report says so."""


@dataclass(frozen=True, slots=True)
class KnownPair:
    """A prompt with a better and a worse answer, shipped to check the sign of a reward model.

    Attributes:
        measures: The quality in which the answers differ: ``helpfulness`` or ``safety``.
        prompt: The user's question.
        better, worse: The two answers, of which everybody knows the better one.
    """

    measures: str
    prompt: str
    better: str
    worse: str


@cache
def known_pairs(measures: str) -> tuple[KnownPair, ...]:
    """The pairs of ``helpfulness`` or ``safety``; all of them for anything else."""
    text = (files("gd2po.rewards.models") / "known_pairs.json").read_text(encoding="utf-8")
    pairs = tuple(KnownPair(**pair) for pair in json.loads(text))
    return tuple(pair for pair in pairs if pair.measures == measures) or pairs


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The scores that a model gave to the known pairs.

    Attributes:
        reward: The name of the reward.
        low, high: The smallest and the largest score.
        right: The number of pairs of which it prefers the better answer; None where no pairs fit what it measures.
        pairs: The number of pairs that were scored.
    """

    reward: str
    low: float
    high: float
    right: int | None
    pairs: int

    @property
    def doubtful(self) -> bool:
        """Whether it prefers the better answer of too few pairs to be trusted unseen."""
        return self.right is not None and self.right < DOUBTFUL_SHARE * self.pairs

    def __str__(self) -> str:
        scores = f"reward {self.reward}: {self.low:.3g} to {self.high:.3g} for {2 * self.pairs} known answers"
        if self.right is None:
            return scores
        preferred = f"{scores}, the better one of {self.right} of {self.pairs} pairs preferred"
        return f"{preferred}; that is few: look at its scores before you trust it" if self.doubtful else preferred


async def check_scores(client: RewardModelClient, settings: ModelSettings, direction: Direction) -> CheckReport:
    """Let the model score the known pairs.

    Args:
        client: The client of the model.
        settings: The settings of the model.
        direction: Whether more of its score is better.

    Raises:
        RewardModelError: The model does not answer; gives probabilities, or the same number to everything; or prefers
            the worse answer in most pairs (not checked where ``sign_check`` is false or ``measures`` is ``other``).
    """
    pairs = known_pairs(settings.measures)
    better, worse = await asyncio.gather(
        asyncio.gather(*(_score(client, pair, pair.better) for pair in pairs)),
        asyncio.gather(*(_score(client, pair, pair.worse) for pair in pairs)),
    )
    scores = [*better, *worse]
    _check_range(client, settings, scores)
    sign = 1 if direction == "maximize" else -1
    margins = [sign * (better_score - worse_score) for better_score, worse_score in zip(better, worse, strict=True)]
    comparable = settings.measures != "other"
    if comparable and settings.sign_check:
        _check_sign(client, direction, sum(margin < 0 for margin in margins), len(pairs))
    right = sum(margin > 0 for margin in margins) if comparable else None
    return CheckReport(client.name, min(scores), max(scores), right, len(pairs))


async def _score(client: RewardModelClient, pair: KnownPair, answer: str) -> float:
    scored = await client.score([{"role": "user", "content": pair.prompt}], answer)
    if scored.score is None:
        raise RewardModelError(f"{_who(client)} gives no score to a known answer: {scored.failure}")
    return scored.score


def _check_range(client: RewardModelClient, settings: ModelSettings, scores: list[float]) -> None:
    if max(scores) == min(scores):
        raise RewardModelError(
            f"{_who(client)} gives {scores[0]:.6g} to each of {len(scores)} known answers; is its head trained, and is "
            "its template the one it was trained with?"
        )
    if settings.kind == "scalar" and all(0 < score < 1 for score in scores):  # a guard's log-odds are our own
        raise RewardModelError(
            f"{_who(client)} gives {min(scores):.3g} to {max(scores):.3g} for {len(scores)} known answers, which looks "
            'like probabilities; expected raw logits. Put "problem_type": "regression" into its config.json, and use a '
            "server that honours use_activation: false"
        )


def _check_sign(client: RewardModelClient, direction: Direction, wrong: int, pairs: int) -> None:
    if wrong >= INVERTED_SHARE * pairs:
        opposite = "maximize" if direction == "minimize" else "minimize"
        raise RewardModelError(
            f"{_who(client)} prefers the worse answer in {wrong} of {pairs} known pairs with direction: {direction}, "
            f"so its sign looks inverted. Set direction: {opposite}, choose another model, or, if it is meant, "
            "model.sign_check: false"
        )


def _who(client: RewardModelClient) -> str:
    return f"reward {client.name!r}: the model {client.settings.path} at {', '.join(client.addresses)}"
