"""The types that the modules of this package hand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gd2po.errors import GD2POError

Message = Mapping[str, Any]
"""``{"role": "system" | "user" | "assistant" | "tool", "content": text}``, and ``tool_calls`` as chat templates read
them; see :func:`gd2po.rewards.models.messages.plain_messages` for content of other kinds."""


class RewardModelError(GD2POError, RuntimeError):
    """A reward model that cannot be used, or that does not answer."""


@dataclass(frozen=True, slots=True)
class RewardPrompt:
    """The text that a reward model reads.

    Attributes:
        ids: The token ids, at most the model's ``max_length``.
        cut: The number of tokens that did not fit and were left out; 0 for nearly all.
    """

    ids: tuple[int, ...]
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """One rollout, scored by one reward model.

    Attributes:
        score: The raw logit of a scalar head, or the log-odds of the unsafe label; None where there is no score.
        cut: The number of tokens that were left out of the prompt.
        failure: The reason why there is no score; None where there is one.
        attempts: The number of requests that were made for the score.
        seconds: The time from the first request to the answer, waits included.
    """

    score: float | None
    cut: int = 0
    failure: str | None = None
    attempts: int = 1
    seconds: float = 0.0
