"""OpenAI's chat-completion interface over a batcher: which parameters it takes, and how it refuses the others."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from gd2po.evaluation.generation.batching import GenerationBatcher
from gd2po.evaluation.generation.contract import CONTEXT_EXCEEDED, Decoding, DecodingError, Generation

Length = Annotated[int, Field(ge=1)] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(_Strict):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class ChatMessage(_Strict):
    """One message of a conversation."""

    role: str
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """Role and text."""
        parts = [self.content] if isinstance(self.content, str) else [part.text for part in self.content]
        return {"role": self.role, "content": "".join(parts)}


class ChatRequest(_Strict):
    """The parameters that this server takes. One with a single value is accepted for clients that always send it."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_tokens: Length = None
    max_completion_tokens: Length = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    stream: Literal[False] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logprobs: Literal[False] | None = None
    stop: None = None
    user: str | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None

    def decoding(self, default: Decoding) -> Decoding:
        """The server's decoding, changed where the request says so."""
        changes = {
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "top_p": self.top_p,
        }
        return replace(default, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]


def build_app(batcher: GenerationBatcher, model: str, decoding: Decoding) -> FastAPI:
    """The routes ``/v1/models`` and ``/v1/chat/completions`` for one model."""
    app = FastAPI(openapi_url=None)
    app.add_exception_handler(RequestValidationError, _refuse_shape)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        card = {"id": model, "object": "model", "owned_by": "gd2po", "max_model_len": decoding.context}
        return {"object": "list", "data": [card]}

    @app.post("/v1/chat/completions")
    async def chat(request: ChatRequest) -> JSONResponse:
        if request.model != model:
            return _refusal(404, f"there is no model {request.model!r} here, only {model!r}", "model_not_found")
        messages = [message.plain() for message in request.messages]
        try:
            generation = await asyncio.wrap_future(batcher.submit(messages, request.decoding(decoding)))
        except DecodingError as error:
            return _refusal(400, str(error))
        except Exception as error:  # of the backend: the client is told, the server goes on
            return _refusal(500, f"{type(error).__name__}: {error}")
        return _answer(generation, model)

    return app


def _answer(generation: Generation, model: str) -> JSONResponse:
    if generation.error is not None:
        message = generation.error.removeprefix(f"{CONTEXT_EXCEEDED}: ")
        return _refusal(422, message) if message == generation.error else _refusal(400, message, CONTEXT_EXCEEDED)
    reply = {"role": "assistant", "content": generation.text}
    return JSONResponse(
        {
            "id": f"chatcmpl-{uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": reply, "finish_reason": generation.finish}],
            "usage": _usage(generation.prompt_tokens, generation.response_tokens),
        }
    )


def _usage(prompt: int | None, response: int | None) -> dict[str, int] | None:
    if prompt is None or response is None:
        return None
    return {"prompt_tokens": prompt, "completion_tokens": response, "total_tokens": prompt + response}


def _refusal(status: int, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)


async def _refuse_shape(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems: Sequence[Any] = error.errors()
    lines = [f"{_where(problem)}: {_reason(problem)}" for problem in problems]
    return _refusal(400, "; ".join(lines), param=_where(problems[0]))


def _where(problem: dict[str, Any]) -> str:
    return ".".join(str(part) for part in problem["loc"][1:]) or "body"


def _reason(problem: dict[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "this server does not take it"
    return f"{problem['msg']}, found {problem.get('input')!r:.60}"
