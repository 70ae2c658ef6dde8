"""A reward model on CPU: our HTTP server in a Ray actor, and verl's handle of it in the driver."""

import os
from contextlib import ExitStack
from typing import Any, Literal

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.utils.net_utils import get_free_port
from verl.workers.rollout.replica import RolloutReplica

from gd2po.hosts.verl.reading.names import ENGINE
from gd2po.rewards.models.hosting.serving import serve


class RewardModelServer:
    """Serves a reward model until its actor ends; Ray starts a dead actor again on the same port.

    Args:
        path: The folder or hub name of the model.
        kind: The kind of the model.
        host: The address of this node.
        port: The port to listen on.
    """

    def __init__(self, path: str, kind: Literal["scalar", "guard"], host: str, port: int) -> None:
        self._open = ExitStack()  # the server ends with it
        self._served = self._open.enter_context(serve(path, kind, host, port))

    def process(self) -> int:
        """The process id of the server; answers once the model is loaded."""
        return os.getpid()

    def wake_up(self) -> None:
        """Take requests again."""
        self._served.resume()

    def sleep(self) -> None:
        """Take no requests."""
        self._served.pause()


class RewardModelReplica(RolloutReplica):
    """One server of a reward model on the trainer's node, in a process of its own, colocated or not."""

    async def init_colocated(self, resource_pool: Any) -> None:
        """Start beside the trainer."""
        self.resource_pool = resource_pool
        await self.launch_servers()

    async def init_standalone(self) -> None:
        """Start the server; on CPU there are no devices to reserve."""
        await self.launch_servers()

    async def launch_servers(self) -> None:
        """Start the server and wait until its model is loaded."""
        host = ray.util.get_node_ip_address()
        port, _ = get_free_port(host)
        node = NodeAffinitySchedulingStrategy(node_id=ray.get_runtime_context().get_node_id(), soft=False)
        remote: Any = ray.remote(RewardModelServer)
        server = remote.options(
            name=f"{ENGINE}_server_{self.replica_rank}{self.name_suffix}",
            scheduling_strategy=node,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
        ).remote(self.model_config.path, self.config.engine_kwargs[ENGINE]["kind"], host, port)
        await server.process.remote()
        self.servers = [server]
        self._server_handle = server
        self._server_address = f"{host}:{port}"
