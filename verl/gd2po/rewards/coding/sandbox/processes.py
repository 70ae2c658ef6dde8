"""Programs in processes of this machine: in sandboxes of bubblewrap, or, where that is asked for, without any."""

import functools
import logging
import os
from collections.abc import Sequence
from typing import Any

from gd2po.errors import RewardError, SettingsError
from gd2po.rewards.coding.sandbox.bubblewrap import find_bwrap, folder_of_package, sandbox_command
from gd2po.rewards.coding.sandbox.contract import Job, Limits, ProgramRun
from gd2po.rewards.coding.sandbox.conversation import Runner, converse, interpreter
from gd2po.rewards.coding.sandbox.places import place

logger = logging.getLogger(__name__)


class Bubblewrap:
    """Each program in a sandbox of its own, made by bubblewrap: namespaces, a system call filter, and limits.

    Args:
        packages: The Python packages of this environment that programs can import, besides the standard library.

    Raises:
        SettingsError: A package that is not installed here.
    """

    def __init__(self, packages: Sequence[str] = ("numpy",)) -> None:
        self._packages = {name: folder_of_package(name) for name in packages}

    def check(self) -> None:
        """Make a sandbox and leave it.

        Raises:
            SettingsError: bubblewrap is missing, or cannot make a sandbox here.
        """
        self._command(1)

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """See :class:`.contract.Backend`."""
        command = self._command(limits.tmp)
        with place():
            return converse(command, job, tests, limits, namespaces=True)

    def _command(self, tmp: int) -> list[str]:
        packages = tuple(self._packages.items())
        return [*sandbox_command(packages, tmp, shown_first(packages)), *interpreter()]


class Unprotected:
    """Programs as processes of this user, with limits but without a sandbox: they can read and send what you can."""

    def __init__(self) -> None:
        logger.warning("answers of the model run without a sandbox (unsafe: true): they can do whatever you can")

    def check(self) -> None:
        """Nothing is needed."""

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """See :class:`.contract.Backend`."""
        with place():
            return converse(interpreter(), job, tests, limits, namespaces=False)


@functools.cache
def shown_first(packages: tuple[tuple[str, str], ...]) -> bool:
    """Whether a first bubblewrap has to show the second one its files; found by trying.

    A limit on processes does not hold for root. So root becomes nobody before it starts bubblewrap; where Python lies
    in a folder that only root can read, a first bubblewrap, of root, shows it under /mnt.

    Raises:
        SettingsError: No sandbox can be made.
    """
    reasons = []
    for shown_first in (False, True) if os.geteuid() == 0 else (False,):
        if not (reason := _try([*sandbox_command(packages, 1, shown_first), *interpreter()])):
            return shown_first
        reasons.append(reason)
    raise SettingsError(
        f"bubblewrap ({find_bwrap()}) is here, but cannot make a sandbox: {reasons[-1]}. It needs user namespaces, "
        "which the system or the container may forbid: allow them (sysctl user.max_user_namespaces and "
        "kernel.apparmor_restrict_unprivileged_userns; in Docker --security-opt seccomp=unconfined and "
        "apparmor=unconfined), or set sandbox_url to a SandboxFusion server"
    )


def _try(command: Sequence[str]) -> str | None:
    """None if a command makes a sandbox in which the runner starts, else what it says."""
    try:
        with Runner(command) as runner:
            return None if runner.starts() else runner.complaint()
    except RewardError as error:
        return str(error)
