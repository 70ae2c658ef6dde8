"""Answers from any server with OpenAI's chat-completion interface."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import httpx

from gd2po.evaluation.generation.contract import (
    API_KEY_ENV,
    CONCURRENCY,
    CONTEXT_EXCEEDED,
    TIMEOUT,
    Decoding,
    Finish,
    Generation,
    GenerationError,
    GenerationRequest,
)
from gd2po.evaluation.generation.openai_client import ChatClient, Refused
from gd2po.versions import installed

RETRIES = 5
"""Further attempts after a failure that may pass: no connection, overload, an error inside the server."""

_PARSED = ("tool_calls", "reasoning_content", "reasoning")
"""The fields into which a server puts what its parsers have cut out of the text."""


class OpenAIBackend:
    """Keeps a bounded number of requests under way, and repeats those that fail in passing.

    The server writes the prompt and decodes, so its own context bounds prompt and answer. Settings that it applies by
    itself cannot be seen from here: vLLM's takes a repetition penalty from the model's ``generation_config.json``
    unless started with ``--generation-config vllm``.

    Args:
        model: The server's name for the model.
        base_url: The address of the interface, such as ``http://127.0.0.1:8000/v1``.
        api_key_env: The environment variable with the key; where it is not set, no key is sent.
        concurrency: The most requests that are under way at once.
        timeout: The seconds that one answer may take.
        retries: The number of further attempts after a failure that may pass.

    Raises:
        GenerationError: The address is not one of http or https.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key_env: str = API_KEY_ENV,
        concurrency: int = CONCURRENCY,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        self._model = model
        self._url = httpx.URL(base_url)
        if self._url.scheme not in ("http", "https"):
            raise GenerationError(f"the base URL is {base_url!r}, expected one such as http://127.0.0.1:8000/v1")
        self._concurrency = concurrency
        self._client = lambda: ChatClient(self._url, api_key_env, timeout, retries)

    def describe(self) -> dict[str, Any]:
        """Name and address; only the server knows which weights it holds."""
        return {
            "name": "openai",
            "model": self._model,
            "model_hash": None,
            "base_url": str(self._url.copy_with(userinfo=b"", query=None)),
            "versions": installed("httpx"),
        }

    def generate(self, requests: Sequence[GenerationRequest], decoding: Decoding) -> Iterator[Generation]:
        """Yield answers as they arrive.

        Raises:
            GenerationError: There is no access or no such model, or the server is gone, is overloaded after all
                attempts, or takes answers apart.
        """
        with asyncio.Runner() as runner:
            client = self._client()
            running: set[asyncio.Task[Generation]] = set()
            try:
                waiting = iter(requests)
                while True:
                    for request in islice(waiting, self._concurrency - len(running)):
                        running.add(runner.get_loop().create_task(self._ask(client, request, decoding)))
                    if not running:
                        return
                    done = runner.run(_first(running))
                    running -= done
                    for task in sorted(done, key=lambda task: task.exception() is not None):  # answers are kept
                        yield task.result()
            finally:
                runner.run(_abandon(running, client))

    async def _ask(self, client: ChatClient, request: GenerationRequest, decoding: Decoding) -> Generation:
        body = {"model": self._model, "messages": list(request.messages), "temperature": decoding.temperature}
        if decoding.temperature > 0:
            body["seed"] = decoding.seed if request.seed is None else request.seed
        if decoding.top_p != 1:
            body["top_p"] = decoding.top_p
        try:
            try:
                choice = await client.complete(body | {"max_tokens": decoding.max_tokens})
            except Refused as refusal:
                if not refusal.overflow:
                    raise
                choice = await client.complete(body)  # vLLM refuses what could exceed its context; now it stops there
        except Refused as refusal:
            code = f"{CONTEXT_EXCEEDED}: " if refusal.overflow else ""
            return Generation.failed(request.id, f"{code}{refusal}")
        return _read(request.id, choice)

    def __enter__(self) -> "OpenAIBackend":
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: connections end with :meth:`generate`."""


async def _first(running: set["asyncio.Task[Generation]"]) -> set["asyncio.Task[Generation]"]:
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    return done


async def _abandon(running: set["asyncio.Task[Generation]"], client: ChatClient) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await client.close()


def _read(id: str, choice: dict[str, Any]) -> Generation:
    message, usage = choice["message"], choice["usage"] or {}
    if parsed := [name for name in _PARSED if message.get(name)]:
        raise GenerationError(
            f"the server has cut {' and '.join(parsed)} out of the answer; start it without parsers of reasoning and "
            "tool calls"
        )
    if choice.get("finish_reason") == "content_filter":
        return Generation.failed(id, "the server's content filter has withheld the answer")
    text = (message.get("content") or "").encode("utf-8", "replace").decode()  # JSON may carry half a character
    finish: Finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return Generation(id, text, finish, usage.get("prompt_tokens"), usage.get("completion_tokens"))
