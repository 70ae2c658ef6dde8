"""Estimates of sizes: the memory of one GPU in each phase of a step, and one checkpoint.

They are arithmetic. The estimate of memory has not yet been compared with a GPU.

N weights, T tokens of a micro-batch, V rows of the vocabulary, W GPUs that share what FSDP shards. Assumptions:

- FSDP: float32 weights (4 bytes), gradients (4) and two Adam moments (8), all over W. Two blocks at a time are gathered
  in bfloat16. With ``use_no_sync_for_gradient_accumulation`` each GPU holds whole gradients besides, while those of
  several micro-batches add up: in bfloat16 in FSDP1, in float32 in FSDP2.
- Megatron: bfloat16 weights (2) and float32 gradients (4) over tensor and pipeline; float32 weights and moments (12)
  over data parallelism too.
- Activations: bfloat16, attention without a score matrix. With checkpointing the input of each block stays, and one
  block with its gradients is recomputed.
- Logits: bfloat16 values and gradients (4 bytes × T × V), a scaled copy where the temperature is not 1 (2), float32
  probabilities and their gradients where entropy is computed (8). None with fused kernels.
- Rollout engine and reward models: the share of the GPU that they are given; asleep they hold nothing.
- CUDA contexts, NCCL buffers and fragmentation: a constant, :data:`OVERHEAD_GIB`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from gd2po.hosts.verl.preflight.gpus import GIB
from gd2po.hosts.verl.preflight.plan.layout import GpuLayout
from gd2po.hosts.verl.preflight.plan.schedule import RunSchedule
from gd2po.pretrained.shape import ModelShape

OVERHEAD_GIB = 4
"""Assumed for CUDA contexts, NCCL buffers and fragmentation, of trainer and engine together; never measured."""

_DTYPE_BYTES = {"fp32": 4, "float32": 4, "bf16": 2, "bfloat16": 2, "fp16": 2, "float16": 2}


@dataclass(frozen=True)
class MemoryPart:
    """One use of a GPU's memory.

    Attributes:
        name: The name of the use, such as ``weights``.
        bytes: The number of bytes on one GPU.
        how: The calculation in words, for the screen.
    """

    name: str
    bytes: int
    how: str


@dataclass(frozen=True)
class MemoryPhase:
    """The uses of a GPU's memory during one phase of a step."""

    name: str
    parts: tuple[MemoryPart, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class KeyValueRoom:
    """The room for keys and values in one rollout replica.

    Attributes:
        bytes: The number of bytes on each GPU of the replica.
        tokens: The number of tokens that fit into the replica at once.
        rows: The number of rows of full length that fit into the replica at once.
    """

    bytes: int
    tokens: int
    rows: int


@dataclass(frozen=True)
class GpuMemory:
    """The estimated memory of a run.

    Attributes:
        gpu: The memory of one GPU in bytes.
        phases: The phases of a step, on a GPU of the trainer.
        cache: The room for keys and values in a rollout replica.
        host: The bytes on each node that offloading takes.
    """

    gpu: int
    phases: tuple[MemoryPhase, ...]
    cache: KeyValueRoom
    host: int

    @property
    def peak(self) -> int:
        """The bytes of the largest phase."""
        return max(phase.bytes for phase in self.phases)


class MemoryEstimate:
    """The estimated memory of a run on GPUs with ``gpu_bytes`` of memory each."""

    def __init__(
        self, config: DictConfig, layout: GpuLayout, schedule: RunSchedule, shape: ModelShape, gpu_bytes: int
    ) -> None:
        self._actor, self._model = config.actor_rollout_ref.actor, config.actor_rollout_ref.model
        self._rollout, self._data = config.actor_rollout_ref.rollout, config.data
        self._layout, self._schedule, self._shape, self.gpu_bytes = layout, schedule, shape, gpu_bytes
        self._engine = self._actor.megatron if self._is_megatron else self._actor.fsdp_config

    @property
    def _is_megatron(self) -> bool:
        return bool(self._layout.strategy == "megatron")

    def gpu_memory(self) -> GpuMemory:
        """The whole estimate as one value."""
        return GpuMemory(self.gpu_bytes, tuple(self.phases()), self.cache(), self.host_bytes())

    def phases(self) -> Iterator[MemoryPhase]:
        """The phases of a step: rollouts, reward models after them, and the update."""
        resident, engine = self._resident(), self._served("rollout engine", self._share())
        if self._layout.shared:
            yield MemoryPhase("rollouts", (*resident, engine))
        colocated = [model for model in self._layout.rewards if model.placement == "colocated"]
        if colocated:
            served = (self._served(model.name, model.gpu_memory) for model in colocated)
            yield MemoryPhase("reward models", (*resident, *served))
        awake = self._layout.shared and not self._rollout.free_cache_engine
        yield MemoryPhase("update", (*self._states(), *self._passing(), *([engine] if awake else ()), _overhead()))

    def cache(self) -> KeyValueRoom:
        """The room for keys and values beside the weights of the rollout engine."""
        shape, tensor = self._shape, self._layout.rollout_tensor
        left = max(0, int(self._share() * self.gpu_bytes) - self.rollout_weights())
        heads = max(1, shape.kv_heads // tensor)
        token = 2 * shape.layers * heads * shape.head_dim * self._rollout_bytes()
        tokens = left // token
        return KeyValueRoom(left, tokens, tokens // self._row())

    def host_bytes(self) -> int:
        """The bytes of training state that each node holds in host memory while its GPUs generate."""
        state = sum(part.bytes for part in self._states() if part.name != "gradients")
        offloaded = state - sum(part.bytes for part in self._resident() if part.name != _overhead().name)
        return offloaded * self._layout.gpus_per_node

    def rollout_weights(self) -> int:
        """The bytes of the rollout engine's weights on one GPU."""
        return self._shape.parameters * self._rollout_bytes() // self._layout.rollout_tensor

    def unsharded_gradients(self) -> int:
        """The bytes of the whole gradients that FSDP holds while those of several micro-batches add up; else 0."""
        if self._is_megatron or self._micro_batches() == 1:
            return 0
        if not self._engine.get("use_no_sync_for_gradient_accumulation", False):  # not in 0.9.0
            return 0
        return self._shape.parameters * (2 if self._layout.strategy == "fsdp" else 4)

    def _resident(self) -> tuple[MemoryPart, ...]:
        """The training state that stays on a GPU while the GPU does something else; gradients are freed."""
        kept = {"weights": not self._engine.param_offload, "optimizer": not self._engine.optimizer_offload}
        return (*(part for part in self._states() if kept.get(part.name)), _overhead())

    def _states(self) -> tuple[MemoryPart, ...]:
        count, layout = self._shape.parameters, self._layout
        if self._is_megatron:
            split = layout.tensor * layout.pipeline
            whole = split * layout.data_parallel * layout.sequence
            return (
                MemoryPart("weights", 2 * count // split, f"2 × {_short(count)} / {split}"),
                MemoryPart("gradients", 4 * count // split, f"4 × {_short(count)} / {split}"),
                MemoryPart("optimizer", 12 * count // whole, f"12 × {_short(count)} / {whole}"),
            )
        size, shards = _DTYPE_BYTES[self._engine.model_dtype], layout.shards
        return tuple(
            MemoryPart(name, factor * size * count // shards, f"{factor * size} × {_short(count)} / {shards}")
            for name, factor in (("weights", 1), ("gradients", 1), ("optimizer", 2))
        )

    def _passing(self) -> Iterator[MemoryPart]:
        """The memory that a forward and a backward pass take."""
        if not self._is_megatron:
            blocks = 4 * self._shape.layer_parameters
            yield MemoryPart("gathered blocks", blocks, f"2 blocks × 2 × {_short(self._shape.layer_parameters)}")
        if unsharded := self.unsharded_gradients():
            yield MemoryPart("unsharded gradients", unsharded, f"of {self._micro_batches()} micro-batches together")
        yield self._activations()
        yield self._logits()

    def _activations(self) -> MemoryPart:
        tokens = self._tokens()
        layers = -(-self._shape.layers // self._layout.pipeline)
        inputs = 2 * self._shape.hidden * tokens
        block = self._block_bytes() * tokens // self._layout.tensor
        if self._checkpoints():
            return MemoryPart(
                "activations", layers * inputs + 2 * block, f"{layers} inputs and 1 block of {tokens:,} tokens"
            )
        return MemoryPart("activations", layers * block, f"{layers} blocks of {tokens:,} tokens, no checkpointing")

    def _block_bytes(self) -> int:
        """The bytes that one block keeps of one token for its backward pass."""
        shape = self._shape
        attention = 4 * shape.hidden + 2 * shape.heads * shape.head_dim + 2 * shape.kv_heads * shape.head_dim
        return 2 * (attention + 4 * shape.intermediate) + 8 * shape.hidden  # norms are computed in float32

    def _checkpoints(self) -> bool:
        if self._is_megatron:
            return bool(self._engine.override_transformer_config.recompute_granularity == "full")
        return bool(self._model.enable_gradient_checkpointing)

    def _logits(self) -> MemoryPart:
        if self._model.use_fused_kernels:
            return MemoryPart("logits", 0, "fused kernels")
        size = 4 if self._rollout.temperature == 1 else 6
        if self._actor.calculate_entropy or self._actor.entropy_coeff != 0:
            size += 8
        tokens, rows = self._tokens(), self._shape.vocabulary // self._layout.tensor
        return MemoryPart("logits", size * tokens * rows, f"{size} × {tokens:,} tokens × {rows:,}")

    def _tokens(self) -> int:
        """The number of tokens of a micro-batch on one GPU."""
        if self._actor.use_dynamic_bsz:
            budget = self._actor.ppo_max_token_len_per_gpu
        else:
            budget = (self._actor.ppo_micro_batch_size_per_gpu or 1) * self._row() // self._layout.sequence
        return int(min(budget, self._update_tokens()))

    def _micro_batches(self) -> int:
        """The number of micro-batches of an update on one GPU, if all rows have full length."""
        return -(-self._update_tokens() // self._tokens())

    def _update_tokens(self) -> int:
        """The largest number of tokens that one GPU processes in an update."""
        rows = self._schedule.mini_batch * self._rollout.n
        return max(1, -(-rows // self._layout.data_parallel) * self._row() // self._layout.sequence)

    def _row(self) -> int:
        return int(self._data.max_prompt_length + self._data.max_response_length)

    def _share(self) -> float:
        return float(self._rollout.gpu_memory_utilization)

    def _rollout_bytes(self) -> int:
        return _DTYPE_BYTES.get(str(self._rollout.dtype), 2)

    def _served(self, name: str, share: float) -> MemoryPart:
        return MemoryPart(name, int(share * self.gpu_bytes), f"{share:g} × {self.gpu_bytes / GIB:.0f} GiB")


def _overhead() -> MemoryPart:
    return MemoryPart("CUDA, NCCL", OVERHEAD_GIB * GIB, "assumed")


def _short(count: int) -> str:
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"


def checkpoint_bytes(config: DictConfig, shape: ModelShape) -> int:
    """The size in bytes of one checkpoint of the policy, over all GPUs together.

    FSDP: weights and two moments in the data type of training. Megatron: bfloat16 weights in Hugging Face's layout;
    float32 weights and two moments. A whole model for Hugging Face (``hf_model``) comes on top.
    """
    actor = config.actor_rollout_ref.actor
    if actor.strategy == "megatron":
        size: dict[str, Any] = {"model": 2, "optimizer": 12, "hf_model": 2}
        if "model" in actor.checkpoint.save_contents and not actor.megatron.use_dist_checkpointing:
            size["hf_model"] = 0  # it is the same
    else:
        weight = _DTYPE_BYTES[actor.fsdp_config.model_dtype]
        size = {"model": weight, "optimizer": 2 * weight, "hf_model": weight}
    return int(shape.parameters * sum(size.get(content, 0) for content in actor.checkpoint.save_contents))
