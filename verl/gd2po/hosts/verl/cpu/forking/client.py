"""Stands in place of the Python interpreter in Ray's commands: `client.py SOCKET PYTHON SCRIPT ARGUMENTS…`.

The fork server runs the script in a process that it forks; this one lives until that one ends, and gives back its exit
code. Where no server answers, the interpreter PYTHON runs the script, as it does without this file. Only the standard
library is imported, and the file is run without ``site``, so that it starts in 20 ms.
"""

import json
import os
import socket
import sys


def main(path: str, python: str, *command: str) -> int:
    """Run a Python script by the fork server.

    Args:
        path: The address of the server's socket.
        python: The interpreter that runs the script where no server answers.
        command: The script and its arguments.

    Returns:
        The exit code of the script; 128 and the number of the signal if a signal has ended it.
    """
    request = json.dumps({"command": command, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
    reason: object = "it has ended"
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(path)
            socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
            server.sendall(request)
            if server.recv(1):  # the script runs; from here on it must not be run again
                return int(server.recv(16) or b"1")
        except OSError as error:
            reason = error
    sys.stderr.write(f"gd2po: the fork server does not answer ({reason}); this process imports its modules itself\n")
    sys.stderr.flush()
    os.execv(python, [python, *command])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
