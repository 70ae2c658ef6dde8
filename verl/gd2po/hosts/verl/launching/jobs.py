"""A run as a Ray job: the job belongs to the cluster and outlives the terminal that submitted it."""

import asyncio
import logging
import shlex
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gd2po.hosts.verl.preflight.nodes import ClusterError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_POLL_SECONDS = 1.0


def submit(dashboard: str, command: Sequence[str]) -> str:
    """Hand a command to the cluster. The head runs it in the folder where Ray was started there.

    Args:
        dashboard: The address of Ray's dashboard, such as ``http://127.0.0.1:8265``.
        command: The program and its arguments; each argument arrives unchanged, whatever characters it has.

    Returns:
        The job's id.

    Raises:
        ClusterError: The dashboard does not answer.
    """
    return str(_client(dashboard).submit_job(entrypoint=shlex.join(command)))


def follow(dashboard: str, job: str, write: Callable[[str], None]) -> int:
    """Write the output of a job until the job ends. The job does not depend on being followed.

    Returns:
        The exit code of the job's command; 1 for a job that was stopped or lost.

    Raises:
        ClusterError: The dashboard does not answer, or knows no such job.
    """
    import aiohttp

    client = _client(dashboard)
    try:
        client.get_job_info(job)  # raises a clear error if there is no such job
        asyncio.run(_copy_log(client, job, write))
        while not (details := client.get_job_info(job)).status.is_terminal():
            time.sleep(_POLL_SECONDS)
    except (OSError, RuntimeError, aiohttp.ClientError) as error:
        raise ClusterError(f"lost sight of job {job} at {dashboard}: {error}") from error
    code = 0 if details.status == "SUCCEEDED" else max(1, details.driver_exit_code or 1)
    write(f"job {job} has {details.status.lower()}" + (f", exit code {code}\n" if code else "\n"))
    return code


async def _copy_log(client: "JobSubmissionClient", job: str, write: Callable[[str], None]) -> None:
    async for text in client.tail_job_logs(job):
        write(text)


def _client(dashboard: str) -> "JobSubmissionClient":
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    logging.getLogger("ray.dashboard.modules.job.sdk").setLevel(logging.WARNING)  # it logs its web socket
    try:
        return JobSubmissionClient(dashboard)
    except (ConnectionError, AuthenticationError) as error:
        raise ClusterError(f"Ray's dashboard at {dashboard} does not serve us: {error}") from error
