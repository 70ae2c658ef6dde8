"""The driver's side of the rollout: starts one server per FSDP worker, on the worker's node."""

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.workers.rollout.replica import RolloutMode, RolloutReplica

from gd2po.hosts.verl.reading.names import ROLLOUT, server_name


class TransformersReplica(RolloutReplica):
    """One rollout server: a Ray actor that holds a transformers model."""

    async def launch_servers(self) -> None:
        """Start the server and wait until its model is loaded."""
        self._check_supported()
        node_id = await self.workers[0].__ray_call__.remote(_node_id)
        from gd2po.hosts.verl.cpu.rollout.server import TransformersServer

        server = (
            ray.remote(TransformersServer)
            .options(
                name=server_name(self.replica_rank),
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node_id, soft=False),
                max_concurrency=self.max_concurrency,
                num_cpus=0,
            )
            .remote(self.config, self.model_config, self.replica_rank)
        )
        await server.ready.remote()
        self.servers = [server]
        self._server_handle = server
        self._server_address = server_name(self.replica_rank)

    def _check_supported(self) -> None:
        if self.is_reward_model or self.is_teacher_model or self.rollout_mode != RolloutMode.HYBRID:
            raise NotImplementedError(
                f"rollout.name={ROLLOUT} serves the policy inside its trainer only (trainer_mode sync or "
                f"colocate_async); found mode {self.rollout_mode}, reward model {self.is_reward_model}, teacher "
                f"{self.is_teacher_model}: use rollout.name=vllm for those"
            )
        if self.world_size != 1:
            raise NotImplementedError(
                f"rollout.name={ROLLOUT} does not split a model: found tensor, data and pipeline parallel sizes whose "
                f"product is {self.world_size}, expected 1; set actor_rollout_ref.rollout.tensor_model_parallel_size=1"
            )


def _node_id(_worker: Any) -> str:
    return ray.get_runtime_context().get_node_id()
