"""The side of the driver: starts the fork server, and says how Ray's commands reach it."""

import atexit
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from gd2po.cpu_threads import waiting_variables
from gd2po.hosts.verl.cpu.forking import client

SWITCH = "GD2PO_FORK_SERVER"
"""The environment variable that is 0 where every process is to import its modules itself."""

_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/davinci_manager")
"""The files of accelerators of NVIDIA, AMD and Huawei."""

_SERVER = ("-P", "-m", "gd2po.hosts.verl.cpu.forking.server")

_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""What OpenMP reads when torch is imported; each forked process sets its number of threads itself."""


class ForkServer:
    """A fork server and its socket; it ends with this process, or by :meth:`end`."""

    def __init__(self, program: Sequence[str] = _SERVER, environment: Mapping[str, str] = _ONE_THREAD) -> None:
        """Start the server, which imports while this process goes on.

        Args:
            program: The arguments of the Python interpreter, to which the descriptor of the socket is added.
            environment: The environment variables of the server, beside those of this process.
        """
        self._folder = tempfile.mkdtemp(prefix="gd2po-")  # for this user alone
        self._socket = f"{self._folder}/fork"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._socket)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, *program, str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **waiting_variables(), **environment},
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is for the driver
            )
        atexit.register(self.end)

    @property
    def interpreter(self) -> str:
        """The words that stand in place of the Python interpreter in a shell command."""
        return shlex.join([sys.executable, "-I", "-S", str(client.__file__), self._socket, sys.executable])

    def end(self) -> None:
        """Let the server end once the processes that it has forked are gone. Calling it again changes nothing."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # the server may have removed it

    def wait(self, seconds: float) -> int:
        """Wait for the end of the server, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It has not ended in this time.
        """
        return self._process.wait(seconds)


_of_this_process: ForkServer | None = None


def start() -> None:
    """Start a fork server where this machine seems to have no accelerator and to join no cluster.

    Whether it is used, the configuration says, which this process has yet to read.
    """
    global _of_this_process
    unused = os.environ.get(SWITCH) == "0" or os.environ.get("RAY_ADDRESS") or any(map(os.path.exists, _DEVICES))
    if _of_this_process is None and not unused:
        _of_this_process = ForkServer()


def stop() -> None:
    """End the fork server of this process if there is one: this run has no use for it."""
    global _of_this_process
    if _of_this_process is not None:
        _of_this_process.end()
        _of_this_process = None


def interpreter() -> str | None:
    """The words that stand in place of the Python interpreter in Ray's commands; None without a fork server."""
    return None if _of_this_process is None else _of_this_process.interpreter
