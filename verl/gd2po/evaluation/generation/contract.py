"""The contract between an evaluation and the engine that serves a model."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from gd2po.errors import GD2POError, SettingsError

CONTEXT_EXCEEDED = "context_length_exceeded"
"""The beginning of a generation's ``error`` where the prompt leaves no room for an answer; OpenAI's code for it."""

API_KEY_ENV = "OPENAI_API_KEY"
"""Environment variable with the key of an OpenAI-compatible server."""

CONCURRENCY = 16
"""Requests under way at an OpenAI-compatible server."""

TIMEOUT = 600.0
"""Seconds that a server may take for one answer."""

BATCH_TOKENS = 65_536
"""Tokens under way at once in the transformers backend: 16 rows of API-Bank's context."""

TENSOR_PARALLEL = 1
"""GPUs that share the model in vLLM; the published runs used 4."""

GPU_MEMORY = 0.6
"""Share of a GPU's memory for vLLM, as published for API-Bank."""

Finish = Literal["stop", "length", "error"]
"""The end of an answer: the model ended it, it was cut at its longest length, or there is no answer."""


class GenerationError(GD2POError, RuntimeError):
    """No request can be answered: no such model, no access, a server that is gone."""


class DecodingError(GD2POError, ValueError):
    """The engine does not decode in the way that was asked for."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One conversation to continue.

    Attributes:
        id: A name that is unique in the run; it names the sample in every file.
        messages: The conversation, ``{"role", "content"}`` each; the backend puts it into the model's chat template.
        seed: The seed of this answer, for temperatures above 0; None for that of the decoding. Several answers to one
            conversation need different seeds.
    """

    id: str
    messages: tuple[dict[str, str], ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Decoding:
    """The decoding of answers. The defaults are those of the published API-Bank evaluation.

    Attributes:
        temperature: The sampling temperature; 0 is greedy.
        max_tokens: The length of the longest answer, in tokens.
        context: The longest prompt and answer together, in tokens; a prompt that leaves no room is an error, never cut.
        seed: The engine's seed, for temperatures above 0.
        top_p: The share of the probability from which a token is drawn, the likeliest tokens first; 1 for all of it.

    Raises:
        SettingsError: A number outside its range.
    """

    temperature: float = 0.0
    max_tokens: int = 4096
    context: int = 4096
    seed: int = 42
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise SettingsError(f"temperature is {self.temperature}, expected 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"top_p is {self.top_p}, expected a share above 0 and at most 1")

    def describe(self) -> dict[str, Any]:
        """The decoding for the record; without ``top_p`` where it changes nothing, as earlier records are."""
        return {name: value for name, value in asdict(self).items() if name != "top_p" or value != 1}


@dataclass(frozen=True, slots=True)
class Generation:
    """The answer to one request, or the reason why there is none.

    Attributes:
        id: The id of the request.
        text: The answer without special tokens; empty where there is none.
        finish: How the answer ended; ``length`` where ``max_tokens`` or ``context`` cut it.
        prompt_tokens: The length of the prompt in the model's template; None where the engine does not tell.
        response_tokens: The length of the answer with its end token; None where the engine does not tell.
        error: The reason why there is no answer; None unless ``finish`` is ``error``.
    """

    id: str
    text: str
    finish: Finish
    prompt_tokens: int | None = None
    response_tokens: int | None = None
    error: str | None = None

    @classmethod
    def failed(cls, id: str, error: str, prompt_tokens: int | None = None) -> "Generation":
        """A request without an answer."""
        return cls(id, "", "error", prompt_tokens, error=error)

    def sample(self, **first: Any) -> dict[str, Any]:
        """Fields of a line of ``samples.jsonl``: the id, what a benchmark puts ``first``, the answer, its end."""
        fields = asdict(self)
        return {"id": fields.pop("id"), **first, "output": fields.pop("text"), **fields}


class Backend(Protocol):
    """An engine with a loaded model. Use it as a context manager, so that it is freed."""

    def describe(self) -> dict[str, Any]:
        """The engine, for the record: ``name`` of the backend, ``model``, ``model_hash`` and ``versions``."""
        ...

    def generate(self, requests: Sequence[GenerationRequest], decoding: Decoding) -> Iterator[Generation]:
        """Yield one generation per request, in any order, each as soon as it is there.

        A request that cannot be answered is yielded with ``finish="error"``.

        Raises:
            GenerationError: No request can be answered: no such model, no access, a server that is gone.
            DecodingError: The engine cannot decode in the way that was asked for.
        """
        ...

    def __enter__(self) -> "Backend": ...

    def __exit__(self, *exception: object) -> None: ...
