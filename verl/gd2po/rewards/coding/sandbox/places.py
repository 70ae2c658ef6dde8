"""A bound on the sandboxes that run at one time on a machine, over all processes of a user."""

import fcntl
import os
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gd2po.errors import SettingsError


def count_of_places() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


_HERE = threading.BoundedSemaphore(count_of_places())


@contextmanager
def place() -> Iterator[None]:
    """Wait for one of the machine's places, as many as processors, and hold it.

    The places are locked files, so that the operating system frees those of a process that was killed.

    Raises:
        SettingsError: The folder of the places belongs to somebody else.
    """
    with _HERE:
        file = _locked()
        try:
            yield
        finally:
            os.close(file)


def _locked() -> int:
    folder = _folder()
    numbers = random.sample(range(count_of_places()), count_of_places())
    for number in numbers:
        file = os.open(folder / str(number), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        os.close(file)
    file = os.open(folder / str(numbers[0]), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"gd2po-sandboxes-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise SettingsError(
            f"{folder} bounds the number of sandboxes on this machine, but belongs to another user: set TMPDIR to a "
            "folder of your own"
        )
    return folder


def _after_fork() -> None:
    """Threads of the parent that held a place do not exist in a forked process."""
    global _HERE
    _HERE = threading.BoundedSemaphore(count_of_places())


os.register_at_fork(after_in_child=_after_fork)
