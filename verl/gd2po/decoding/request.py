"""A prompt that is continued, and what has been drawn so far."""

from dataclasses import dataclass, field
from enum import Enum

from gd2po.decoding.sampling import Sampling


class StopReason(Enum):
    """The reason why a request ended, in the words of verl's servers."""

    COMPLETED = "completed"
    ABORTED = "aborted"


@dataclass(eq=False)
class GenerationRequest:
    """A prompt, how to continue it, and what has been drawn so far. `uniform`, a number per token, decides draws."""

    prompt: tuple[int, ...]
    sampling: Sampling
    stop_ids: frozenset[int]
    uniform: list[float]
    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    stop: StopReason | None = None

    @property
    def next_uniform(self) -> float:
        """The number in [0, 1) that decides the next token."""
        return self.uniform[len(self.tokens)]

    def append(self, token: int, log_prob: float) -> None:
        """Take one drawn token; the request is complete at a stop token (which is kept) or at its length."""
        self.tokens.append(token)
        self.log_probs.append(log_prob)
        if token in self.stop_ids or len(self.tokens) == len(self.uniform):
            self.stop = StopReason.COMPLETED
