"""Which nodes Ray has, and which of the expected ones are missing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gd2po.errors import GD2POError

_POLL_SECONDS = 1.0
_REPEAT_SECONDS = 15.0
"""After this long the same line is said again, so that waiting does not look like hanging."""


class ClusterError(GD2POError, RuntimeError):
    """The cluster is not what a run needs, or does not answer."""


@dataclass(frozen=True)
class Node:
    """A living node: the name it was given at ``ray start``, its address, and how many GPUs it offers."""

    name: str
    address: str
    gpus: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address}, GPUs: {self.gpus})"


@dataclass(frozen=True)
class Expected:
    """What a run needs.

    Attributes:
        count: nodes.
        gpus: per node.
        names: of the nodes, where they are known; a node may be named by its address.
    """

    count: int
    gpus: int
    names: tuple[str, ...] = ()

    def lacks(self, nodes: Sequence[Node]) -> str:
        """What is missing in words; empty when nothing is."""
        found = {called for node in nodes for called in (node.name, node.address)}
        absent = [name for name in self.names if name not in found]
        if not self.names and len(nodes) < self.count:
            absent = [f"{self.count - len(nodes)} of {self.count} nodes"]
        poor = [f"{node.name} has {node.gpus} of {self.gpus} GPUs" for node in nodes if node.gpus < self.gpus]
        return "; ".join([f"missing: {', '.join(absent)}"] * bool(absent) + poor)


def read_nodes(dashboard: str) -> list[Node] | None:
    """The living nodes, ordered by name; None while the dashboard does not answer.

    Args:
        dashboard: address of Ray's dashboard, such as ``http://127.0.0.1:8265``.

    Raises:
        ClusterError: it answers, and refuses the token of this user.
    """
    from ray.exceptions import AuthenticationError
    from ray.util.state import list_nodes
    from ray.util.state.exception import RayStateApiException

    try:
        states = list_nodes(address=dashboard, filters=[("state", "=", "ALIVE")])
    except AuthenticationError as error:
        raise ClusterError(f"{dashboard} refuses this user: {error}") from error
    except (ConnectionError, RayStateApiException):
        return None
    nodes = [Node(one.node_name, one.node_ip, int(one.resources_total.get("GPU", 0))) for one in states]
    return sorted(nodes, key=lambda node: node.name)


def wait_for_nodes(
    dashboard: str,
    expected: Expected,
    timeout: float,
    say: Callable[[str], None],
    alive: Callable[[], bool] = lambda: True,
) -> list[Node]:
    """Wait until every expected node is there with its GPUs.

    Args:
        dashboard: address of Ray's dashboard.
        expected: nodes and GPUs.
        timeout: seconds.
        say: gets a progress line whenever something has changed, and every 15 s.
        alive: whether the head still runs.

    Returns:
        The nodes.

    Raises:
        ClusterError: the time is over, with what is missing; or the head has ended.
    """
    start, said, said_at = time.monotonic(), "", 0.0
    while True:
        nodes = read_nodes(dashboard)
        lacks = "the dashboard of the head does not answer yet" if nodes is None else expected.lacks(nodes)
        if nodes is not None and not lacks:
            return nodes
        now = time.monotonic() - start
        if not alive():
            raise ClusterError("Ray has ended on the head while nodes were awaited; its log says why")
        if now >= timeout:
            raise ClusterError(_too_late(expected, nodes or [], lacks, timeout))
        if lacks != said or now - said_at >= _REPEAT_SECONDS:
            say(f"waiting for nodes, {now:.0f} s: {_summary(expected, nodes or [])}; {lacks}")
            said, said_at = lacks, now
        time.sleep(_POLL_SECONDS)


def _summary(expected: Expected, nodes: Sequence[Node]) -> str:
    gpus = sum(node.gpus for node in nodes)
    return f"{len(nodes)} of {expected.count} nodes, {gpus} of {expected.count * expected.gpus} GPUs"


def _too_late(expected: Expected, nodes: Sequence[Node], lacks: str, timeout: float) -> str:
    here = ", ".join(map(str, nodes)) or "none"
    return (
        f"after {timeout:.0f} s the cluster has {_summary(expected, nodes)}; {lacks}. Here: {here}. "
        "On a missing node, see whether scripts/cluster.sh was started with the same variables, and read the log it "
        "named; more time is JOIN_TIMEOUT=…"
    )
