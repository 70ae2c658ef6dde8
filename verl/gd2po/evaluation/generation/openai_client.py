"""One request to a chat-completion server: which failures end the run, and which are one request's own fault."""

import os
import re
from typing import Any

import httpx

from gd2po import retries
from gd2po.evaluation.generation.contract import CONTEXT_EXCEEDED, GenerationError

_CONNECT_SECONDS = 10.0
_OVERFLOW = re.compile(rf"{CONTEXT_EXCEEDED}|context.(length|size|window)", re.IGNORECASE)


class Refused(Exception):
    """The server does not answer this request; others may fare better.

    Attributes:
        overflow: Whether prompt and longest answer do not fit the server's context.
    """

    def __init__(self, reason: str, overflow: bool = False) -> None:
        super().__init__(reason)
        self.overflow = overflow


class ChatClient:
    """Asks for completions; :class:`gd2po.evaluation.generation.openai_backend.OpenAIBackend` explains the options."""

    def __init__(self, url: httpx.URL, api_key_env: str, timeout: float, retries: int) -> None:
        self._url = url
        self._key_name = api_key_env
        key = os.environ.get(api_key_env)
        self._has_key = bool(key)
        self._timeout = timeout
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            limits=httpx.Limits(max_connections=None),
            verify=url.scheme == "https",  # reading the certificates takes 20 ms, and plain HTTP has none
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The first choice of a chat completion, with the completion's ``usage``.

        Raises:
            Refused: This request cannot be answered.
            GenerationError: No request can be answered.
        """
        try:
            response = await retries.repeat_async(lambda: self._post(body), self._retries)
        except httpx.HTTPStatusError as error:
            failure = f"{error.response.status_code}: {_message(error.response)}"
            if error.response.status_code == 500:  # the other statuses that may pass are states of the server
                raise Refused(failure) from None
        except httpx.RequestError as error:
            failure = f"{type(error).__name__} {error}".strip()
        else:
            return await self._read(response, body["model"])
        raise GenerationError(
            f"{self._url} gave no answer in {self._retries + 1} attempts of up to {self._timeout:g} s; the last ended "
            f"in {failure}"
        )

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        return retries.raise_if_passing(await self._http.post("chat/completions", json=body))

    async def _read(self, response: httpx.Response, model: str) -> dict[str, Any]:
        status = response.status_code
        if status in (401, 403):
            state = "is not accepted" if self._has_key else "is not set"
            raise GenerationError(
                f"{self._url} refuses access ({status}: {_message(response)}); the key in the environment variable "
                f"{self._key_name} {state}"
            )
        if status == 404:
            raise GenerationError(
                f"{self._url} knows no model {model!r} ({status}: {_message(response)}) and {await self._offers()}"
            )
        if status >= 400:
            raise Refused(f"{status}: {_message(response)}", bool(_OVERFLOW.search(response.text)))
        try:
            choice = response.json()["choices"][0]
            return {**choice, "message": dict(choice["message"]), "usage": response.json().get("usage")}
        except (ValueError, LookupError, TypeError, AttributeError):
            raise GenerationError(
                f"{self._url} answers ({status}) with no chat completion: {response.text[:200]!r}; is it the base URL, "
                "such as http://127.0.0.1:8000/v1?"
            ) from None

    async def _offers(self) -> str:
        try:
            models = (await self._http.get("models")).json()["data"]
            names = ", ".join(str(model["id"]) for model in models)
        except (httpx.RequestError, ValueError, LookupError, TypeError):
            return "lists none; is it the base URL, such as http://127.0.0.1:8000/v1?"
        return f"serves {names or 'none'}"


def _message(response: httpx.Response) -> str:
    """The reason in the words of the server: OpenAI's shape, FastAPI's, or text."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:300]
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)[:300]
    return str(error.get("message") or error.get("detail") or error)[:500]
