"""The driver's side of a reward model on CPU."""

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.utils.net_utils import get_free_port
from verl.workers.rollout.replica import RolloutReplica

from gd2po.hosts.verl.reading.names import ENGINE


class RewardModelReplica(RolloutReplica):
    """One server of a reward model, on the trainer's node; colocated or not, it computes in a process of its own."""

    async def init_colocated(self, resource_pool: Any) -> None:
        """Start beside the trainer."""
        self.resource_pool = resource_pool
        await self.launch_servers()

    async def init_standalone(self) -> None:
        """Start; a processor has no devices to set aside."""
        await self.launch_servers()

    async def launch_servers(self) -> None:
        """Start the server and wait until its model is loaded."""
        from gd2po.hosts.verl.cpu.reward_server import RewardModelServer

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
