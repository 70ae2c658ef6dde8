"""The nodes of a Ray cluster, and what is missing of those that a run needs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gd2po.errors import GD2POError

_POLL_SECONDS = 1.0
_REPEAT_SECONDS = 15.0
"""Seconds after which an unchanged line is repeated, so that waiting does not look like hanging."""


class ClusterError(GD2POError, RuntimeError):
    """The cluster lacks something that a run needs, or does not answer."""


@dataclass(frozen=True)
class Node:
    """A living node: its name at ``ray start``, its address, and the number of its GPUs."""

    name: str
    address: str
    gpus: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address}, GPUs: {self.gpus})"


@dataclass(frozen=True)
class ExpectedNodes:
    """The nodes that a run needs.

    Attributes:
        count: The number of nodes.
        gpus: The number of GPUs on each node.
        names: The names or addresses of the nodes, where they are known.
    """

    count: int
    gpus: int
    names: tuple[str, ...] = ()

    def lacks(self, nodes: Sequence[Node]) -> str:
        """Describe what is missing; empty if nothing is."""
        present = {label for node in nodes for label in (node.name, node.address)}
        absent = [name for name in self.names if name not in present]
        if not self.names and len(nodes) < self.count:
            absent = [f"{self.count - len(nodes)} of {self.count} nodes"]
        poor = [f"{node.name} has {node.gpus} of {self.gpus} GPUs" for node in nodes if node.gpus < self.gpus]
        return "; ".join([f"missing: {', '.join(absent)}"] * bool(absent) + poor)


def read_nodes(dashboard: str) -> list[Node] | None:
    """The living nodes, ordered by name; None while the dashboard does not answer.

    Args:
        dashboard: The address of Ray's dashboard, such as ``http://127.0.0.1:8265``.

    Raises:
        ClusterError: The dashboard refuses the token of this user.
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
    nodes = [Node(node.node_name, node.node_ip, int(node.resources_total.get("GPU", 0))) for node in states]
    return sorted(nodes, key=lambda node: node.name)


def wait_for_nodes(
    dashboard: str,
    expected: ExpectedNodes,
    timeout: float,
    report: Callable[[str], None],
    alive: Callable[[], bool] = lambda: True,
) -> list[Node]:
    """Wait until every expected node is there with its GPUs.

    Args:
        dashboard: The address of Ray's dashboard.
        expected: The nodes and GPUs that a run needs.
        timeout: The longest wait in seconds.
        report: Called with a line of progress at every change, and every 15 s.
        alive: Tells whether the head still runs.

    Returns:
        The nodes.

    Raises:
        ClusterError: The time is over, and the message names what is missing; or the head has ended.
    """
    start, last_reported, reported_at = time.monotonic(), "", 0.0
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
        if lacks != last_reported or now - reported_at >= _REPEAT_SECONDS:
            report(f"waiting for nodes, {now:.0f} s: {_summary(expected, nodes or [])}; {lacks}")
            last_reported, reported_at = lacks, now
        time.sleep(_POLL_SECONDS)


def _summary(expected: ExpectedNodes, nodes: Sequence[Node]) -> str:
    gpus = sum(node.gpus for node in nodes)
    return f"{len(nodes)} of {expected.count} nodes, {gpus} of {expected.count * expected.gpus} GPUs"


def _too_late(expected: ExpectedNodes, nodes: Sequence[Node], lacks: str, timeout: float) -> str:
    here = ", ".join(map(str, nodes)) or "none"
    return (
        f"after {timeout:.0f} s the cluster has {_summary(expected, nodes)}; {lacks}. Here: {here}. "
        "On a missing node, see whether scripts/cluster.sh was started with the same variables, and read the log it "
        "named; more time is JOIN_TIMEOUT=…"
    )
