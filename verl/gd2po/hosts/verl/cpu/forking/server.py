"""The fork server: imports once what every process of a run needs, then forks a process for each request.

`python -m gd2po.hosts.verl.cpu.forking.server DESCRIPTOR`, with the descriptor of a listening socket. It ends with its
standard input, which is when the driver of the run ends, as soon as the processes that it has forked are gone.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gd2po.hosts.verl.logs import quiet

AT_ONCE = (
    *("torch._dynamo", "torch.distributed.fsdp", "tensordict", "accelerate", "datasets", "pandas", "scipy.stats"),
    *("transformers.modeling_utils", "transformers.models.auto.modeling_auto", "fastapi", "hydra", "uvicorn"),
)
"""The modules that are imported while the driver of the run still checks its configuration; they take longest."""

AT_THE_FIRST_REQUEST = (
    *("ray", "verl.trainer.main_ppo", "verl.trainer.ppo.v1", "verl.workers.engine_workers"),
    *("verl.experimental.agent_loop", "verl.experimental.reward_loop"),
)
"""The modules that read variables of the run, such as Ray's token, when they are imported: at the first request."""

GRACE_SECONDS = 60.0
"""How long processes of a run may live after its driver; Ray ends them earlier."""


@dataclass(frozen=True)
class Request:
    """A script that a client wants to be run.

    Attributes:
        command: The script and its arguments.
        environment: All environment variables of the client.
        folder: The working directory of the client.
        files: The descriptors of the client's standard input, output and error.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    files: list[int]

    @classmethod
    def read(cls, client: socket.socket) -> "Request | None":
        """Read a request; None from a client that has ended before it has sent all of it."""
        head, files, _, _ = socket.recv_fds(client, 8, 3)
        length = int.from_bytes(head, "big")
        with client.makefile("rb") as stream:
            body = stream.read(length)
        if length and len(body) == length and len(files) == 3:
            return cls(files=list(files), **json.loads(body))
        for file in files:
            os.close(file)
        return None


class Server:
    """Forks a process for each request, and tells the client how the process has ended."""

    def __init__(self, listener: socket.socket, driver: int, modules: Sequence[str]) -> None:
        """Make a server that does not serve yet.

        Args:
            listener: The listening socket.
            driver: A descriptor that is at its end when the driver of the run has ended.
            modules: The modules that are imported at the first request.
        """
        self._listener, self._driver, self._modules = listener, driver, modules
        self._events = selectors.DefaultSelector()
        self._events.register(listener, selectors.EVENT_READ, self._accept)
        self._events.register(driver, selectors.EVENT_READ, self._driver_has_ended)
        self._processes: dict[int, tuple[int, socket.socket]] = {}
        """The descriptor of a process → its number, and its client."""
        self._deadline: float | None = None
        self._forked: Request | None = None

    def serve(self) -> Request | None:
        """Serve until the driver has ended, and return None; in each process that is forked, return its request."""
        while self._deadline is None or self._processes:
            left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            events = self._events.select(left)
            for key, _ in events:
                key.data(key.fileobj)
                if self._forked is not None:
                    return self._forked
            if not events:
                for number, _ in self._processes.values():
                    os.kill(number, signal.SIGKILL)
        return None

    def _accept(self, listener: Any) -> None:
        client, _ = listener.accept()
        request = Request.read(client)
        if request is None:
            client.close()
            return
        if self._modules:
            _set_environment(request.environment)
            load(self._modules)
            self._modules = ()
        number = os.fork()
        if number == 0:
            self._close(client)
            self._forked = request
            return
        for file in request.files:
            os.close(file)
        with contextlib.suppress(OSError):  # the client has ended; the next event says so
            client.sendall(b"+")
        process = os.pidfd_open(number)
        self._processes[process] = number, client
        self._events.register(process, selectors.EVENT_READ, self._process_has_ended)
        self._events.register(client, selectors.EVENT_READ, self._client_has_ended)

    def _close(self, client: socket.socket) -> None:
        """Close in a forked process what is the server's."""
        self._events.close()
        os.close(self._driver)
        for other in (self._listener, client, *(other for _, other in self._processes.values())):
            other.close()
        for process in self._processes:
            os.close(process)

    def _process_has_ended(self, process: int) -> None:
        number, client = self._processes.pop(process)
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        self._events.unregister(process)
        os.close(process)
        if client.fileno() >= 0:
            self._events.unregister(client)
            with contextlib.suppress(OSError):  # the client has ended at the same moment
                client.sendall(str(code if code >= 0 else 128 - code).encode())
            client.close()

    def _client_has_ended(self, client: socket.socket) -> None:
        """Ray has killed the client, which it takes for the process."""
        if client.fileno() < 0:  # an event of the same round has closed it
            return
        self._events.unregister(client)
        client.close()
        for number, other in self._processes.values():
            if other is client:
                os.kill(number, signal.SIGKILL)

    def _driver_has_ended(self, driver: int) -> None:
        self._deadline = time.monotonic() + GRACE_SECONDS
        self._events.unregister(driver)
        self._events.unregister(self._listener)
        path = self._listener.getsockname()
        self._listener.close()
        with contextlib.suppress(OSError):  # the driver has removed them
            os.unlink(path)
            os.rmdir(os.path.dirname(path))


def become(request: Request) -> None:
    """Give a forked process what a new one would have: arguments, variables, folder, files, and a random state."""
    os.setpgid(0, 0)  # as Ray starts a worker
    for standard, file in enumerate(request.files):
        os.dup2(file, standard)
        os.close(file)
    _set_environment(request.environment)
    os.chdir(request.folder)
    sys.argv = list(request.command)
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
        torch.set_num_threads(int(request.environment.get("OMP_NUM_THREADS") or os.cpu_count() or 1))


def load(modules: Sequence[str]) -> None:
    """Import modules, and leave all objects out of garbage collection, which would copy the pages that are shared."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def main(at_once: Sequence[str] = AT_ONCE, at_the_first_request: Sequence[str] = AT_THE_FIRST_REQUEST) -> None:
    """Serve, and in each process that is forked run its script.

    Args:
        at_once: The modules that are imported now.
        at_the_first_request: The modules that are imported with the environment of the first request.
    """
    listener = socket.socket(fileno=int(sys.argv[1]))
    quiet()
    load(at_once)
    request = Server(listener, sys.stdin.fileno(), at_the_first_request).serve()
    if request is not None:
        become(request)
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
