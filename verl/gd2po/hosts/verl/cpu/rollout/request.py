"""What verl's sampling parameters ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gd2po.decoding.sampling import Sampling

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
