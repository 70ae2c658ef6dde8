"""One policy of retries, for clients of both kinds."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from gd2po import retries

REQUEST = httpx.Request("GET", "http://h")


def status(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(f"status {code}", request=REQUEST, response=httpx.Response(code, request=REQUEST))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retries, "FIRST_DELAY", 0.0)


@pytest.fixture(params=["sync", "async"])
def run(request) -> Callable[..., object]:
    """Makes attempts that fail with the given errors, one each, and then succeed; returns the result."""

    def go(errors: list[Exception], allowed: int) -> object:
        def attempt() -> str:
            if errors:
                raise errors.pop(0)
            return "done"

        async def attempt_async() -> str:
            return attempt()

        if request.param == "sync":
            return retries.repeat(attempt, allowed)
        return asyncio.run(retries.repeat_async(attempt_async, allowed))

    return go


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("late"), TimeoutError(), *map(status, (408, 425, 500, 503))]
)
def test_a_failure_that_may_pass_is_repeated(run, error):
    assert run([error, error], 2) == "done"


@pytest.mark.parametrize("error", [status(400), status(404), ValueError("ours")])
def test_a_failure_that_does_not_pass_is_raised_at_once(run, error):
    left = [error, error]
    with pytest.raises(type(error), match=str(error)):
        run(left, 5)
    assert len(left) == 1


def test_the_last_failure_is_raised_after_all_attempts(run):
    left = [status(500), status(502), status(503), status(504)]
    with pytest.raises(httpx.HTTPStatusError, match="status 503"):
        run(left, 2)
    assert len(left) == 1


def test_each_wait_is_told_with_its_reason():
    errors, waits = [status(503), httpx.ConnectError("no")], []

    def attempt() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    retries.repeat(attempt, 3, lambda number, response: number / 1000, lambda error, wait: waits.append((error, wait)))
    assert [(str(error), wait) for error, wait in waits] == [("status 503", 0.0), ("no", 0.001)]


def test_only_a_status_that_may_pass_is_an_error():
    assert retries.raise_if_passing(httpx.Response(404, request=REQUEST)).status_code == 404
    with pytest.raises(httpx.HTTPStatusError):
        retries.raise_if_passing(httpx.Response(503, request=REQUEST))
