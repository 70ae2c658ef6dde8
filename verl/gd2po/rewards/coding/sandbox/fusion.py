"""Programs on a SandboxFusion server, by its interface `run_code`: one request for each test."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import httpx

from gd2po.errors import RewardError, SettingsError
from gd2po.retries import raise_if_passing, repeat
from gd2po.rewards.coding.sandbox.contract import Ending, Job, Limits, ProgramRun, TestRun
from gd2po.rewards.coding.sandbox.sent import sources
from gd2po.rewards.scores import shown

logger = logging.getLogger(__name__)

RETRIES = 4
"""The number of further attempts after a request that failed, or that the server could not run."""

_GRACE_SECONDS = 30.0
_COMPILE_EXIT, _MEMORY_EXIT = 96, 97
_STATES = {"Finished", "Error", "TimeLimitExceeded"}


class SandboxFusion:
    """A server that runs programs: https://github.com/bytedance/SandboxFusion.

    The limits that hold there are the time of a test and the memory; the others are the server's.

    Args:
        url: The address of the server, with or without ``/run_code`` at its end.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/run_code')}/run_code"
        self._client = httpx.Client(limits=httpx.Limits(max_connections=256))

    def check(self) -> None:
        """Run a small program.

        Raises:
            SettingsError: No server answers there.
        """
        try:
            self._post("print(1)", "", Limits(), retries=0)
        except RewardError as error:
            raise SettingsError(f"sandbox_url: {error}; start the server, or correct the address") from error

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """See :class:`.contract.Backend`.

        Raises:
            SettingsError: The tests are asserts: there, an answer could read the values that they expect.
        """
        if job.style == "assert":
            raise SettingsError(
                "the tests are asserts, which a SandboxFusion server would run beside the answer, where it can read "
                "what is expected: use bubblewrap (leave sandbox_url out), or write the tests as inputs and outputs"
            )
        if len(job.source) > limits.source:
            return ProgramRun(f"the program has {len(job.source)} characters, more than {limits.source}", [])
        runs: list[TestRun] = []
        for test in tests:
            arguments = test if job.style == "call" else None
            stdin = "" if job.style == "call" else test.decode("utf-8", "surrogateescape")
            run = self._test(_driver(job, arguments), stdin, limits, job.output_bytes)
            if run.ending == "compile error":
                return ProgramRun(run.message, [])
            runs.append(run)
            if run.ending == "time-out":
                break
        return ProgramRun(None, runs)

    def _test(self, code: str, stdin: str, limits: Limits, most: int) -> TestRun:
        result = self._post(code, stdin, limits, RETRIES)
        endings: dict[Any, Ending] = {0: "done", _COMPILE_EXIT: "compile error", _MEMORY_EXIT: "memory"}
        ending = "time-out" if result["status"] == "TimeLimitExceeded" else endings.get(result["return_code"], "error")
        output = str(result.get("stdout") or "").encode("utf-8", "surrogateescape")
        return TestRun(ending, output[: most + 1], str(result.get("stderr") or "")[-300:])

    def _post(self, code: str, stdin: str, limits: Limits, retries: int) -> dict[str, Any]:
        """What the server says of one run."""
        request = {
            "code": code,
            "stdin": stdin,
            "language": "python",
            "compile_timeout": math.ceil(limits.wall_seconds),
            "run_timeout": math.ceil(limits.wall_seconds),
            "memory_limit_MB": limits.memory,
            "files": {},
            "fetch_files": [],
        }

        def attempt() -> dict[str, Any]:
            answer = self._client.post(self._url, json=request, timeout=2 * limits.wall_seconds + _GRACE_SECONDS)
            content = raise_if_passing(answer).raise_for_status().json()
            if content.get("status") == "SandboxError":
                raise TimeoutError(f"the server could not run it: {shown(content.get('message'))}")
            return dict(content["run_result"])

        try:
            result = repeat(attempt, retries)
            if result["status"] not in _STATES:
                raise KeyError(result["status"])
            return result
        except (httpx.HTTPError, TimeoutError) as error:
            raise RewardError(f"the SandboxFusion server {self._url} did not run a program: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RewardError(
                f"{self._url} did not answer as a SandboxFusion server ({type(error).__name__}: {error}); expected an "
                "object with run_result, which has status, return_code and stdout"
            ) from error


def _driver(job: Job, arguments: list[Any] | None) -> str:
    """A program that runs the answer as the runner in our sandboxes does."""
    return (
        f"import sys\nfor name, source in {sources('script')!r}:\n"
        "    module = sys.modules[name] = type(sys)(name)\n"
        "    exec(source, module.__dict__)\n"
        f"module.run_alone({job.source!r}, {job.entry!r}, {arguments!r}, {_COMPILE_EXIT})\n"
    )
