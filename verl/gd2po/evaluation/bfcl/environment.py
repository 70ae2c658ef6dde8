"""The virtual environment in which BFCL runs, made on first use.

Its *light install* is the wheel without its dependencies, plus the few packages that asking and judging import
(``packages.txt``), in their current versions. The official install has 150 packages in 1.9 GB, among them torch for a
category that is not evaluated here, pins numpy to 1.26, and does not import as it is: one vendor's package needs
``soundfile``, which nobody declares. Both give the same figures on the possible answers of the benchmark. The files of
the wheel are not touched, and its content is checked by sha256.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gd2po.errors import GD2POError

VERSION = "2026.3.23"
"""The version of the wheel. Scores of other versions are not comparable: questions and answers change between them."""

CACHE_VARIABLE = "GD2PO_CACHE"
"""The environment variable with the folder for files that can be made again."""

_HERE = Path(__file__).parent
_WHEEL, _PACKAGES = _HERE / "wheel.txt", _HERE / "packages.txt"
_COMPLETE = "gd2po-complete"
_LAST_LINES = 12


class InstallError(GD2POError, RuntimeError):
    """BFCL's environment cannot be made."""


def environment_folder() -> Path:
    """The folder of the environment: one per version of the wheel and of Python."""
    cache = os.environ.get(CACHE_VARIABLE)
    base = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gd2po"
    return base.expanduser() / f"bfcl-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"


def ensure_environment(on_step: Callable[[str], None] = lambda step: None) -> Path:
    """The Python of the environment, which is made where it is missing, half made, or has other packages.

    Args:
        on_step: Called with a description of each step before it begins.

    Raises:
        InstallError: A step fails; the message has the reason and the remedy.
    """
    folder = environment_folder()
    if not _is_complete(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock"), on_step):
            if not _is_complete(folder):
                _make(folder, on_step)
    return _python(folder)


def _make(folder: Path, on_step: Callable[[str], None]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    log = folder.with_name(f"{folder.name}.log")
    on_step(f"BFCL's environment (once, about 260 MB) in {folder}")
    _run([sys.executable, "-m", "venv", str(folder)], log)
    install = [str(_python(folder)), "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
    on_step(f"installing bfcl-eval {VERSION}")
    _run([*install, "--no-deps", "--require-hashes", "--requirement", str(_WHEEL)], log)
    on_step("installing what it imports")
    _run([*install, "--requirement", str(_PACKAGES)], log)
    (folder / _COMPLETE).write_text(_fingerprint())


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("a") as output:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if ended.returncode:
        lines = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise InstallError(
            f"`{' '.join(command)}` failed with exit code {ended.returncode}; the end of {log}:\n{lines}\n"
            "Without network, fetch the packages where there is one, with the same Python and platform:\n"
            f"  pip download --no-deps --dest WHEELS --requirement {_WHEEL}\n"
            f"  pip download --dest WHEELS --requirement {_PACKAGES}\n"
            "and set PIP_NO_INDEX=1 and PIP_FIND_LINKS=WHEELS here"
        )


def _is_complete(folder: Path) -> bool:
    marker = folder / _COMPLETE
    return _python(folder).exists() and marker.is_file() and marker.read_text() == _fingerprint()


def _fingerprint() -> str:
    """The checksum of the two lists of packages."""
    return hashlib.sha256(_WHEEL.read_bytes() + _PACKAGES.read_bytes()).hexdigest()


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


@contextmanager
def _alone(lock: Path, on_step: Callable[[str], None]) -> Iterator[None]:
    """Hold ``lock``, so that no two processes make the environment at once."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_step("waiting for another process that makes BFCL's environment")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
