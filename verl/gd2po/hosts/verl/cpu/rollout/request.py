"""A generation request, read from verl's sampling parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gd2po.hosts.verl.cpu.rollout.sampling import Sampling

_KNOWN = {
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "logprobs",
    "max_tokens",
    "max_new_tokens",
    "stop_token_ids",
    "ignore_eos",
}


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


@dataclass(frozen=True)
class Limits:
    """Lengths and stop tokens that hold for every request of a server."""

    prompt_length: int
    response_length: int
    max_model_len: int
    eos_ids: frozenset[int]
    ignore_eos: bool = False

    def max_tokens(self, prompt_length: int, params: Mapping[str, Any]) -> int:
        """The number of tokens that a request may draw: its own limit, else the configured one, within the context."""
        room = self.max_model_len - prompt_length
        if room < 1:
            raise ValueError(
                f"prompt of {prompt_length} tokens leaves no room to generate: the model's context is "
                f"{self.max_model_len}; shorten the prompt or raise actor_rollout_ref.rollout.max_model_len"
            )
        limit = params.get("max_tokens", params.get("max_new_tokens"))
        if limit is None:
            limit = min(self.response_length, self.prompt_length + self.response_length - prompt_length)
        return max(1, min(int(limit), room))

    def stop_ids(self, params: Mapping[str, Any]) -> frozenset[int]:
        """End-of-sequence ids unless ignored, and the request's own stop tokens."""
        eos = frozenset() if params.get("ignore_eos", self.ignore_eos) else self.eos_ids
        return eos | frozenset(params.get("stop_token_ids") or ())


def parse_sampling(params: Mapping[str, Any]) -> Sampling:
    """The way of sampling that verl's parameters describe; parameters that this server does not know are refused."""
    unknown = sorted(name for name in params.keys() - _KNOWN if params[name] is not None)
    if unknown:
        raise ValueError(f"sampling parameters {unknown} are not known; this server takes {sorted(_KNOWN)}")
    if params.get("repetition_penalty", 1.0) != 1.0:
        raise ValueError(f"repetition_penalty is {params['repetition_penalty']}; this server supports 1.0 only")
    return Sampling(
        temperature=float(params.get("temperature", 1.0)),
        top_p=float(params.get("top_p", 1.0)),
        top_k=int(params.get("top_k", -1)),
    )


def check_prompt(prompt: Sequence[int]) -> tuple[int, ...]:
    """The prompt as a tuple of ids; an empty one has nothing to continue."""
    if not prompt:
        raise ValueError("prompt has no tokens; expected at least one")
    return tuple(int(token) for token in prompt)
