"""One file over HTTP: streamed, resumed where it was interrupted, tried again where that may help."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from gd2po.errors import DownloadError
from gd2po.retries import PASSING, repeat

Progress = Callable[[int, int | None], None]

_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")
_HEADERS = {"Accept-Encoding": "identity"}  # a compressed body could not be resumed


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that are told how a download goes.

    Attributes:
        progress: Called with the number of bytes that are here, and with the number of all where the server tells it.
        trouble: Called with a sentence before another attempt.
    """

    progress: Progress = lambda done, total: None
    trouble: Callable[[str], None] = lambda sentence: None


SILENT = Listener()


def download(
    address: str,
    part: Path,
    listener: Listener,
    *,
    retries: int = 3,
    backoff: float = 1.0,
    timeout: float = 30.0,
) -> None:
    """Bring a file here; what ``part`` already holds of it is not fetched again.

    Args:
        address: The address of the file.
        part: The file for its bytes; left as it is when the download fails, so that the next one can go on.
        listener: The functions that are told how it goes.
        retries: The number of further attempts after a failure that may pass: no connection, a connection lost, a
            server in trouble.
        backoff: The seconds before the first of them, doubled each time.
        timeout: The seconds without a byte after which an attempt has failed.

    Raises:
        DownloadError: The server cannot be reached, refuses, or fails again and again.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    with httpx.Client(follow_redirects=True, timeout=timeout, headers=_HEADERS) as client:

        def attempt() -> None:
            have = part.stat().st_size if part.is_file() else 0
            _receive(client, address, part, have, listener.progress)

        try:
            repeat(
                attempt,
                retries,
                lambda number, response: backoff * 2**number,
                lambda error, seconds: listener.trouble(f"{_reason(error)}; next attempt in {seconds:g} s"),
            )
        except httpx.HTTPError as error:
            refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code not in PASSING
            suffix = "" if refused else f" (the last of {retries + 1} attempts)"
            raise DownloadError(_failure(address, f"{_reason(error)}{suffix}")) from error


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server answers {error.response.status_code} {error.response.reason_phrase}".strip()
    return f"{type(error).__name__}: {error}"


def _receive(client: httpx.Client, address: str, part: Path, have: int, progress: Progress) -> None:
    """One attempt, from byte ``have`` on; from the start where the server does not go on there."""
    with client.stream("GET", address, headers={"Range": f"bytes={have}-"} if have else {}) as response:
        extent = _RANGE.fullmatch(response.headers.get("content-range", ""))
        status, start, total = response.status_code, extent and extent["start"], extent and extent["total"]
        if have and status == 416 and total == str(have):
            return  # nothing is missing
        if not have or (status != 416 and (status != 206 or start == str(have))):
            response.raise_for_status()
            return _write(response, part, have if status == 206 else 0, progress)
    _receive(client, address, part, 0, progress)


def _write(response: httpx.Response, part: Path, done: int, progress: Progress) -> None:
    """Append the body to the first ``done`` bytes of ``part``."""
    rest = response.headers.get("content-length", "")
    total = done + int(rest) if rest.isdecimal() else None
    with part.open("ab" if done else "wb") as file:
        progress(done, total)
        for chunk in response.iter_raw():
            done += file.write(chunk)
            progress(done, total)


def _failure(address: str, reason: str) -> str:
    return (
        f"{address} cannot be fetched: {reason}. Run the command again to go on where it stopped, or bring the file "
        "from a machine with a network and name its folder with --from"
    )
