"""The trainer's side of the rollout: runs inside each FSDP worker and talks to that worker's server."""

import os
from collections.abc import Iterable
from typing import Any

import ray
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from verl.workers.config import HFModelConfig, RolloutConfig
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.utils import ensure_async_iterator

from gd2po.hosts.verl.cpu.rollout.weights import buckets
from gd2po.hosts.verl.reading.names import server_name


class TransformersAdapter(BaseRollout):
    """Hands weights to the server and tells it when to sleep. Every worker has a server of its own."""

    def __init__(self, config: RolloutConfig, model_config: HFModelConfig, device_mesh: DeviceMesh) -> None:
        super().__init__(config, model_config, device_mesh)
        self._name = server_name(replica_rank=int(os.environ["RANK"]))

    async def resume(self, tags: list[str]) -> None:
        """Wake the server up once its cache may be used."""
        if "kv_cache" in tags:
            await self._server().wake_up.remote()

    async def release(self) -> None:
        """Put the server to sleep."""
        await self._server().sleep.remote()

    async def update_weights(
        self,
        weights: Iterable[tuple[str, Tensor]],
        wire_format: str = "named_tensors",
        global_steps: int | None = None,
        peft_config: dict[str, Any] | None = None,
        **_unused: Any,
    ) -> None:
        """Send all weights, then their version."""
        if wire_format != "named_tensors" or peft_config is not None:
            raise NotImplementedError(
                f"found wire_format={wire_format!r} and {'a' if peft_config else 'no'} LoRA adapter; this rollout takes"
                " full weights: use checkpoint_engine.backend=naive and, with LoRA, model.lora.merge=True"
            )
        server = self._server()
        megabytes = self.config.checkpoint_engine.update_weights_bucket_megabytes
        await server.begin_weights.remote()
        async for bucket in buckets(ensure_async_iterator(weights), megabytes << 20):
            await server.load_weights.remote(bucket)
        await server.finish_weights.remote(global_steps)

    def _server(self) -> Any:
        return ray.get_actor(self._name)
