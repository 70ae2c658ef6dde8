"""`python server.py SOCKET PIPE`: imports libraries once, then forks into Ray workers; see sitecustomize.py."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # where a process forks, no other thread may hold a lock

import importlib
import json
import random
import runpy
import select
import shlex
import signal
import socket
import sys
from typing import NoReturn

MODULES = (
    *("torch.distributed.fsdp", "tensordict", "transformers.modeling_utils", "transformers.models.auto.modeling_auto"),
    *("accelerate", "datasets", "fastapi", "hydra", "omegaconf", "pandas", "pyarrow.parquet", "scipy.stats", "uvicorn"),
)
"""Not Ray: a fork of a process that has imported it finds no GCS."""

Worker = tuple[list[str], dict[str, str], str, list[int]]
"""Arguments, environment, folder and standard streams."""


def receive(client: socket.socket) -> Worker:
    head, streams, _, _ = socket.recv_fds(client, 8, 3)
    size, message = int.from_bytes(head, "big"), b""
    while len(message) < size:
        message += client.recv(size - len(message))
    arguments, environment, folder = json.loads(message)
    return arguments, environment, folder, list(streams)


def become(arguments: list[str], environment: dict[str, str], folder: str, streams: list[int]) -> None:
    """Be the worker, in a fork: random states, signals and threads are those of a new process."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.setpgid(0, 0)  # as the raylet starts a worker
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    sys.modules["numpy"].random.seed()
    sys.modules["torch"].set_num_threads(int(environment.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    _, *sys.argv = _command_of(arguments)
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


class _Executed(BaseException):
    """The shell command that Ray's own set-up of a worker would have become."""


def _command_of(arguments: list[str]) -> list[str]:
    """Let Ray set up the environment of the worker; returns the command that it would have executed after that."""

    def stop(file: str, args: list[str]) -> NoReturn:
        raise _Executed(args[-1])

    execute, os.execvp, sys.argv = os.execvp, stop, arguments
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except _Executed as executed:
        return shlex.split(str(executed).removeprefix("exec "))
    finally:
        os.execvp = execute
    raise RuntimeError(f"{arguments[0]} has executed no worker")


def serve(name: str, parent: int) -> Worker | None:
    """Fork a worker for each request until the first process of the training has ended; returns it in the fork."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen(64)
        for module in MODULES:
            importlib.import_module(module)
        while parent not in select.select([listening, parent], [], [])[0]:
            with listening.accept()[0] as client:
                worker = receive(client)
                if os.fork() == 0:
                    return worker
            for stream in worker[-1]:
                os.close(stream)
    return None


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the workers
    if forked := serve(sys.argv[1], int(sys.argv[2])):
        become(*forked)
