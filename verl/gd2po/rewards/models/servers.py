"""Requests to a reward model's servers: which failures may pass, how long to wait, and when to stop asking."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from gd2po import retries
from gd2po.rewards.models.contract import RewardModelError


class Failed(Exception):
    """No score.

    Attributes:
        attempts: The number of requests that were made.
        refused: True where a server answered without a score; False where none answered in all attempts.
    """

    def __init__(self, reason: str, attempts: int, refused: bool = False) -> None:
        super().__init__(reason)
        self.attempts, self.refused = attempts, refused


class Servers:
    """The replicas of a model. Use it within one event loop.

    Proxies of the environment are left aside: they would not reach the machines of a cluster.

    Args:
        addresses: The base addresses, see :func:`check_addresses`.
        timeout: The seconds for one request, from its beginning to the end of the answer.
        retries: The number of further requests after a failure that may pass.
    """

    def __init__(self, addresses: Sequence[str], timeout: float, retries: int) -> None:
        self._addresses = [address.rstrip("/") for address in addresses]
        self._busy: Counter[str] = Counter()
        self._timeout = timeout
        self._retries = retries
        self._http = httpx.AsyncClient(
            timeout=None,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
            verify=any(address.startswith("https") for address in self._addresses),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(self, endpoint: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """The answer and the number of requests it took.

        Raises:
            Failed: A server refuses, or none answers in all attempts.
        """
        tried: list[str] = []

        async def attempt() -> httpx.Response:
            tried.append(self._choose(tried))
            return retries.raise_if_passing(await self._request(tried[-1], endpoint, body))

        try:
            response = await retries.repeat_async(attempt, self._retries)
        except TimeoutError:
            raise Failed(f"no answer in {self._timeout:g} s", len(tried)) from None
        except httpx.HTTPStatusError as error:
            raise Failed(_status(error.response), len(tried)) from None
        except httpx.RequestError as error:
            raise Failed(f"{type(error).__name__} {error}".strip(), len(tried)) from None
        if response.status_code != 200:
            raise Failed(_status(response), len(tried), refused=True)
        return _parsed(response, len(tried)), len(tried)

    async def _request(self, address: str, endpoint: str, body: dict[str, Any]) -> httpx.Response:
        self._busy[address] += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await self._http.post(f"{address}/{endpoint}", json=body)
        finally:
            self._busy[address] -= 1

    def _choose(self, tried: Sequence[str]) -> str:
        """The least busy address, one that has not just failed if there is one."""
        others = len(self._addresses) - 1
        fresh = [address for address in self._addresses if not others or address not in tried[-others:]]
        return min(fresh or self._addresses, key=self._busy.__getitem__)


class Breaker:
    """A circuit breaker: fails fast while a model does not answer, and lets one request through per cool-down.

    Args:
        failures: The number of failures in a row that open it.
        cool_down: Seconds between two requests while it is open.
        clock: A function that returns growing seconds.

    Attributes:
        last: The reason of the last failure.
    """

    def __init__(self, failures: int = 5, cool_down: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._cool_down, self._clock = failures, cool_down, clock
        self._failures = 0
        self._next_try = 0.0
        self.last = ""

    def admits(self) -> bool:
        """Whether a call may be made; while open, one per cool-down."""
        if self._failures < self._limit:
            return True
        if self._clock() < self._next_try:
            return False
        self._next_try = self._clock() + self._cool_down
        return True

    def answered(self) -> None:
        """Close it: the model has answered."""
        self._failures = 0

    def failed(self, reason: str) -> None:
        """Count a failure, and open it where that was one too many."""
        self._failures += 1
        self.last = reason
        self._next_try = self._clock() + self._cool_down


def check_addresses(reward: str, addresses: Sequence[str]) -> None:
    """Refuse addresses that cannot be base addresses.

    Raises:
        RewardModelError: Naming the reward and the address.
    """
    wrong = [address for address in addresses if not address.startswith(("http://", "https://"))]
    if wrong or not addresses:
        raise RewardModelError(
            f"reward {reward!r}: the addresses of its model are {list(addresses)}, expected one or more such as "
            "http://10.0.0.5:8000; set model.url"
        )


def _status(response: httpx.Response) -> str:
    return f"{response.status_code}: {response.text[:300]}"


def _parsed(response: httpx.Response, attempts: int) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failed(f"the answer is no JSON object: {response.text[:200]!r}", attempts, refused=True)
    return body
