"""What an engine that serves a model must do for an evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gd2po import defaults
from gd2po.errors import GD2POError

CONTEXT_EXCEEDED = "context_length_exceeded"
"""How the ``error`` of a generation begins whose prompt leaves no room for an answer; OpenAI's code for it."""

Finish = Literal["stop", "length", "error"]
"""The model ended its answer; the answer was cut; there is none."""


class GenerationError(GD2POError, RuntimeError):
    """No request can be answered: no such model, no access, a server that is gone."""


class DecodingError(GD2POError, ValueError):
    """The engine does not decode in the way that was asked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One conversation to continue.

    Attributes:
        id: unique in its run; names the sample in every file.
        messages: ``{"role", "content"}`` each, put into the model's own chat template by the backend.
    """

    id: str
    messages: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are drawn. The defaults are those of the published API-Bank evaluation.

    Attributes:
        temperature: 0 is greedy.
        max_tokens: longest answer, in tokens.
        context: longest prompt and answer together, in tokens; a prompt that leaves no room is an error, never cut.
        seed: of the engine, for temperatures above 0.
    """

    temperature: float = defaults.EVAL_TEMPERATURE
    max_tokens: int = defaults.EVAL_MAX_TOKENS
    context: int = defaults.EVAL_CONTEXT
    seed: int = defaults.EVAL_SEED


@dataclass(frozen=True, slots=True)
class Generation:
    """What became of one request.

    Attributes:
        id: of the request.
        text: the answer without special tokens; empty where there is none.
        finish: ``length`` where ``max_tokens`` or ``context`` cut the answer.
        prompt_tokens: length of the prompt in the model's template; None where the engine does not tell.
        response_tokens: length of the answer with its end token; None where the engine does not tell.
        error: why there is no answer; None unless ``finish`` is ``error``.
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


class Backend(Protocol):
    """An engine with a loaded model. Use it as a context manager, so that it is freed."""

    def describe(self) -> dict[str, Any]:
        """What answered, for the record: ``name`` of the backend, ``model``, ``model_hash`` and versions."""
        ...

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Generation]:
        """Yield one generation per request, in any order, each as soon as it is there.

        A request that cannot be answered is yielded with ``finish="error"``.

        Raises:
            GenerationError: what concerns all of them: no such model, no access, server gone.
            DecodingError: the engine cannot decode like that.
        """
        ...

    def __enter__(self) -> "Backend": ...

    def __exit__(self, *exception: object) -> None: ...
