"""What a checkpoint holds."""

from typing import Any

from omegaconf import DictConfig

from gd2po.hosts.verl.preflight.plan.parts import DTYPE_BYTES
from gd2po.hosts.verl.reading.shape import ModelShape


def checkpoint_bytes(config: DictConfig, shape: ModelShape) -> int:
    """Bytes of one checkpoint of the policy: what verl saves of it, over all GPUs together.

    FSDP: weights and two moments in the data type of training. Megatron: bfloat16 weights in Hugging Face's layout;
    float32 weights and two moments. A whole model for Hugging Face (``hf_model``) comes on top.
    """
    actor = config.actor_rollout_ref.actor
    if actor.strategy == "megatron":
        size: dict[str, Any] = {"model": 2, "optimizer": 12, "hf_model": 2}
        if "model" in actor.checkpoint.save_contents and not actor.megatron.use_dist_checkpointing:
            size["hf_model"] = 0  # it is the same
    else:
        one = DTYPE_BYTES[actor.fsdp_config.model_dtype]
        size = {"model": one, "optimizer": 2 * one, "hf_model": one}
    return int(shape.parameters * sum(size.get(content, 0) for content in actor.checkpoint.save_contents))
