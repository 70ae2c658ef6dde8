"""A reward model on CPU: our HTTP server in a Ray actor, which Ray starts again on the same port when it dies."""

import os
from contextlib import ExitStack
from typing import Literal

from gd2po.rewards.models.hosting.serving import serve


class RewardModelServer:
    """Serves until its actor ends. All that it needs to begin again is in its arguments.

    Args:
        path: folder or hub name.
        kind: of the model.
        host: address of this node.
        port: to listen on.
    """

    def __init__(self, path: str, kind: Literal["scalar", "guard"], host: str, port: int) -> None:
        self._open = ExitStack()  # kept: what it holds ends with it
        self._served = self._open.enter_context(serve(path, kind, host, port))

    def process(self) -> int:
        """Its process id; answers once the model is loaded."""
        return os.getpid()

    def wake_up(self) -> None:
        """Take requests again."""
        self._served.resume()

    def sleep(self) -> None:
        """Take no requests."""
        self._served.pause()
