"""A web application on a thread of this process, until a block ends."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from gd2po.errors import GD2POError

if TYPE_CHECKING:
    from fastapi import FastAPI

_GRACE_SECONDS = 5  # for requests in flight when the server closes


class ServerError(GD2POError, OSError):
    """No server can be started at this address."""


@contextmanager
def serving(app: "FastAPI", host: str, port: int) -> Iterator[str]:
    """Serve ``app``; requests in flight at the end get some seconds.

    Args:
        app: The application with all its routes.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Yields:
        The base URL, such as ``http://127.0.0.1:8321``.

    Raises:
        ServerError: The port is taken, or the host is none of this machine.
    """
    import uvicorn

    with closing(_listen(host, port)) as listener:
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="http-server", daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ServerError(f"cannot listen on {host}:{port}: {error}; choose another port") from error
