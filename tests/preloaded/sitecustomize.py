"""Makes the Ray workers of a training fast to start: they are forks of one process that has imported what verl imports.

Python runs this file in every process that has its folder on PYTHONPATH. A small training spends most of its time on
the imports of ten processes, six seconds of a core each. The first process of the training starts a server
(`server.py`); every Ray worker of the training is then a fork of that server, with the arguments, environment, folder
and streams that Ray has given to it. Nothing of Ray, verl or gd2po is imported beforehand: how the plug-in meets verl
is not changed.
"""

import os
import sys

VARIABLE = "GD2PO_TEST_PRELOADED"
"""``start`` in the environment of the first process; after that the name of the server's socket."""


def _start_server() -> int:
    """Start the server; returns the end of a pipe that closes with this process, which ends the server."""
    import subprocess

    os.environ[VARIABLE] = f"gd2po-preloaded-{os.getpid()}-{os.urandom(4).hex()}"
    reading, writing = os.pipe()
    program = os.path.join(os.path.dirname(__file__), "server.py")
    subprocess.Popen([sys.executable, program, os.environ[VARIABLE], str(reading)], pass_fds=[reading])
    os.close(reading)
    return writing


def _fork_instead() -> None:
    """Let the server fork a worker in place of this process, which ends."""
    import json
    import socket

    message = json.dumps([sys.orig_argv[1:], dict(os.environ), os.getcwd()]).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"\0{os.environ[VARIABLE]}")
        socket.send_fds(server, [len(message).to_bytes(8, "big")], [0, 1, 2])
        server.sendall(message)
        server.recv(1)  # nothing: the server closes when the worker has been forked
    os._exit(0)


if os.environ.get(VARIABLE) == "start":
    _pipe = _start_server()
elif os.environ.get(VARIABLE) and sys.orig_argv[1].endswith("/ray/_private/workers/setup_worker.py"):
    _fork_instead()
