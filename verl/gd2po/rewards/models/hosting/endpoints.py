"""vLLM's endpoints for reward models: which requests are accepted, which are refused, and what the answers hold."""

import asyncio
import math
import time
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from gd2po.rewards.models.files.checkpoints import Kind
from gd2po.rewards.models.hosting.batching import ForwardBatcher, Ids
from gd2po.rewards.models.hosting.local import LocalRewardModel
from gd2po.rewards.models.prompts import load_tokenizer

MAX_LOGPROBS = 20
"""Most log-probabilities that a request may ask for, as in vLLM."""

Token = Annotated[int, Field(strict=True, ge=0)]
Row = str | Annotated[list[Token], Field(min_length=1)]
Rows = Row | Annotated[list[Row], Field(min_length=1)]


class ClassifyRequest(BaseModel):
    """``POST /classify``. ``use_activation`` turns the raw logit into a probability, which is vLLM's default too."""

    model: str | None = None
    input: Rows
    use_activation: bool = True


class CompletionRequest(BaseModel):
    """``POST /v1/completions`` as far as a guard needs it: the likeliest next tokens, named by their ids."""

    model: str | None = None
    prompt: Rows
    max_tokens: Literal[1]
    temperature: Literal[0]
    logprobs: Annotated[int, Field(ge=1, le=MAX_LOGPROBS)]
    return_tokens_as_token_ids: Literal[True]


class Endpoints:
    """The model, its name and its state, which all routes share.

    Args:
        name: The path of the model, under which it is served.
        kind: The kind of the model.
        model: The loaded model.

    Attributes:
        awake: Whether requests are accepted.
        batcher: The batcher that all requests go through.
    """

    def __init__(self, name: str, kind: Kind, model: LocalRewardModel) -> None:
        self.name, self.kind = name, kind
        self.awake = True
        self.batcher = ForwardBatcher(model.answer)
        self._model = model
        self._tokenizer = load_tokenizer(name)

    async def classify(self, body: ClassifyRequest, request: Request) -> dict[str, Any]:
        """One score per sequence."""
        scores = await _unless_gone(request, self._compute(body.model, body.input))
        activate = _sigmoid if body.use_activation else float
        data = [
            {"index": index, "label": "LABEL_0", "probs": [activate(score)], "num_classes": 1}
            for index, score in enumerate(scores)
        ]
        return self._answer("classify", "list", data=data)

    async def complete(self, body: CompletionRequest, request: Request) -> dict[str, Any]:
        """The likeliest next tokens of each sequence."""
        rows = await _unless_gone(request, self._compute(body.model, body.prompt))
        choices = [self._choice(index, row, body.logprobs) for index, row in enumerate(rows)]
        return self._answer("cmpl", "text_completion", choices=choices)

    def _choice(self, index: int, log_probs: Any, count: int) -> dict[str, Any]:
        values, tokens = (tensor.tolist() for tensor in log_probs.topk(min(count, len(log_probs))))
        likeliest = {f"token_id:{token}": value for token, value in zip(tokens, values, strict=True)}
        text = self._tokenizer.decode(tokens[:1])
        logprobs = {
            "tokens": list(likeliest)[:1], "token_logprobs": values[:1], "top_logprobs": [likeliest], "text_offset": [0]
        }  # fmt: skip
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": "length"}

    def _answer(self, prefix: str, shape: str, **content: Any) -> dict[str, Any]:
        identity = {"id": f"{prefix}-{uuid4().hex}", "object": shape, "created": int(time.time()), "model": self.name}
        return identity | content

    async def _compute(self, model: str | None, rows: str | list[Any]) -> list[Any]:
        """One result per sequence, or a refusal."""
        if not self.awake:
            raise HTTPException(503, "asleep")
        if model not in (None, self.name):
            raise HTTPException(404, f"there is no model {model!r} here, only {self.name!r}")
        sequences = [self._checked(row) for row in ([rows] if _is_row(rows) else rows)]
        try:
            return await self.batcher.ask(sequences)
        except Exception as error:  # of the forward pass: the client is told, the server goes on
            raise HTTPException(500, f"{type(error).__name__}: {error}") from error

    def _checked(self, row: str | Ids) -> Ids:
        ids = self._tokenizer(row, add_special_tokens=False)["input_ids"] if isinstance(row, str) else row
        context, vocabulary = self._model.context, self._model.vocabulary
        if not ids:
            raise HTTPException(400, "a text of no tokens has no score")
        if context is not None and len(ids) > context:
            raise HTTPException(400, f"{len(ids)} tokens are more than the model's context of {context}")
        if max(ids) >= vocabulary:
            raise HTTPException(400, f"token id {max(ids)} is not below {vocabulary}, the model's number of tokens")
        return ids


def build_app(endpoints: Endpoints) -> FastAPI:
    """The application with all routes of the model."""
    app = FastAPI(openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": endpoints.name, "object": "model", "owned_by": "gd2po"}]}

    if endpoints.kind == "guard":
        app.post("/v1/completions")(endpoints.complete)
    else:
        app.post("/classify")(endpoints.classify)
    return app


async def _unless_gone(request: Request, computing: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """What ``computing`` returns; cancelled when the client closes its connection, since it may repeat its request."""
    work, gone = asyncio.ensure_future(computing), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise HTTPException(499, "the client has closed its connection")
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _is_row(rows: str | Sequence[Any]) -> bool:
    return isinstance(rows, str) or isinstance(rows[0], int)


def _sigmoid(score: float) -> float:
    power = math.exp(-abs(score))
    return (1.0 if score >= 0 else power) / (1.0 + power)
