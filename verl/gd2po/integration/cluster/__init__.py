"""Several nodes: wait until Ray has all of them, hand it a job, and follow that. ``scripts/cluster.sh`` is the user."""

from gd2po.errors import GD2POError


class ClusterError(GD2POError, RuntimeError):
    """The cluster is not what a run needs, or does not answer."""
