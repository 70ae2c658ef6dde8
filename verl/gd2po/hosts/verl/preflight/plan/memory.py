"""Expected memory of one GPU in each phase of a step. Arithmetic; on GPUs it was never compared with a measurement.

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
- CUDA contexts, NCCL buffers and fragmentation: a constant, :data:`gd2po.defaults.PLAN_OVERHEAD_GIB`.
"""

from collections.abc import Iterator

from omegaconf import DictConfig

from gd2po import defaults
from gd2po.hosts.verl.preflight.plan.layout import Layout
from gd2po.hosts.verl.preflight.plan.parts import DTYPE_BYTES, GIB, Cache, Part, Phase
from gd2po.hosts.verl.preflight.plan.schedule import Schedule
from gd2po.hosts.verl.reading.shape import ModelShape


class Estimate:
    """Memory of a run on GPUs of ``gpu_bytes``."""

    def __init__(
        self, config: DictConfig, layout: Layout, schedule: Schedule, shape: ModelShape, gpu_bytes: int
    ) -> None:
        self._actor, self._model = config.actor_rollout_ref.actor, config.actor_rollout_ref.model
        self._rollout, self._data = config.actor_rollout_ref.rollout, config.data
        self._layout, self._schedule, self._shape, self.gpu_bytes = layout, schedule, shape, gpu_bytes
        self._engine = self._actor.megatron if self._is_megatron else self._actor.fsdp_config

    @property
    def _is_megatron(self) -> bool:
        return bool(self._layout.strategy == "megatron")

    def phases(self) -> Iterator[Phase]:
        """Rollouts, reward models after them, and the update."""
        resident = self._resident()
        if self._layout.shared:
            yield Phase("rollouts", (*resident, self._served("rollout engine", self._rollout.gpu_memory_utilization)))
        colocated = [model for model in self._layout.rewards if model.placement == "colocated"]
        if colocated:
            yield Phase("reward models", (*resident, *(self._served(one.name, one.gpu_memory) for one in colocated)))
        awake = self._layout.shared and not self._rollout.free_cache_engine
        engine = (self._served("rollout engine", self._share()),) if awake else ()
        yield Phase("update", (*self._states(), *self._passing(), *engine, _overhead()))

    def cache(self) -> Cache:
        """Room for keys and values beside the weights of the rollout engine."""
        shape, tensor = self._shape, self._layout.rollout_tensor
        left = max(0, int(self._share() * self.gpu_bytes) - self.rollout_weights())
        heads = max(1, shape.kv_heads // tensor)
        token = 2 * shape.layers * heads * shape.head_dim * self._rollout_bytes()
        tokens = left // token
        return Cache(left, tokens, tokens // self._row())

    def host_bytes(self) -> int:
        """Bytes that a node holds for its GPUs while they generate."""
        state = sum(part.bytes for part in self._states() if part.name != "gradients")
        offloaded = state - sum(part.bytes for part in self._resident() if part.name != _overhead().name)
        return offloaded * self._layout.gpus_per_node

    def rollout_weights(self) -> int:
        """Bytes of the rollout engine's weights on one GPU."""
        return self._shape.parameters * self._rollout_bytes() // self._layout.rollout_tensor

    def unsharded_gradients(self) -> int:
        """Bytes of the whole gradients that FSDP holds while those of several micro-batches add up; else 0."""
        if self._is_megatron or self._micro_batches() == 1:
            return 0
        if not self._engine.get("use_no_sync_for_gradient_accumulation", False):  # not in 0.9.0
            return 0
        return self._shape.parameters * (2 if self._layout.strategy == "fsdp" else 4)

    def _resident(self) -> tuple[Part, ...]:
        """What of the training stays on a GPU while it does something else; gradients are freed."""
        kept = {"weights": not self._engine.param_offload, "optimizer": not self._engine.optimizer_offload}
        return (*(part for part in self._states() if kept.get(part.name)), _overhead())

    def _states(self) -> tuple[Part, ...]:
        count, layout = self._shape.parameters, self._layout
        if self._is_megatron:
            split = layout.tensor * layout.pipeline
            whole = split * layout.data_parallel * layout.sequence
            return (
                Part("weights", 2 * count // split, f"2 × {_short(count)} / {split}"),
                Part("gradients", 4 * count // split, f"4 × {_short(count)} / {split}"),
                Part("optimizer", 12 * count // whole, f"12 × {_short(count)} / {whole}"),
            )
        size = DTYPE_BYTES[self._engine.model_dtype]
        return tuple(
            Part(name, factor * size * count // layout.shards, f"{factor * size} × {_short(count)} / {layout.shards}")
            for name, factor in (("weights", 1), ("gradients", 1), ("optimizer", 2))
        )

    def _passing(self) -> Iterator[Part]:
        """What a forward and a backward pass take."""
        if not self._is_megatron:
            blocks = 4 * self._shape.layer_parameters
            yield Part("gathered blocks", blocks, f"2 blocks × 2 × {_short(self._shape.layer_parameters)}")
        if unsharded := self.unsharded_gradients():
            yield Part("unsharded gradients", unsharded, f"of {self._micro_batches()} micro-batches together")
        yield self._activations()
        yield self._logits()

    def _activations(self) -> Part:
        tokens = self._tokens()
        layers = -(-self._shape.layers // self._layout.pipeline)
        inputs = 2 * self._shape.hidden * tokens
        block = self._block_bytes() * tokens // self._layout.tensor
        if self._checkpoints():
            return Part("activations", layers * inputs + 2 * block, f"{layers} inputs and 1 block of {tokens:,} tokens")
        return Part("activations", layers * block, f"{layers} blocks of {tokens:,} tokens, no checkpointing")

    def _block_bytes(self) -> int:
        """Bytes a block keeps of one token for its backward pass."""
        shape = self._shape
        attention = 4 * shape.hidden + 2 * shape.heads * shape.head_dim + 2 * shape.kv_heads * shape.head_dim
        return 2 * (attention + 4 * shape.intermediate) + 8 * shape.hidden  # norms are computed in float32

    def _checkpoints(self) -> bool:
        if self._is_megatron:
            return bool(self._engine.override_transformer_config.recompute_granularity == "full")
        return bool(self._model.enable_gradient_checkpointing)

    def _logits(self) -> Part:
        if self._model.use_fused_kernels:
            return Part("logits", 0, "fused kernels")
        size = 4 if self._rollout.temperature == 1 else 6
        if self._actor.calculate_entropy or self._actor.entropy_coeff != 0:
            size += 8
        tokens, rows = self._tokens(), self._shape.vocabulary // self._layout.tensor
        return Part("logits", size * tokens * rows, f"{size} × {tokens:,} tokens × {rows:,}")

    def _tokens(self) -> int:
        """Tokens of a micro-batch on one GPU."""
        if self._actor.use_dynamic_bsz:
            budget = self._actor.ppo_max_token_len_per_gpu
        else:
            budget = (self._actor.ppo_micro_batch_size_per_gpu or 1) * self._row() // self._layout.sequence
        return int(min(budget, self._update_tokens()))

    def _micro_batches(self) -> int:
        """Pieces of an update's rows on one GPU, where all rows are as long as they may be."""
        return -(-self._update_tokens() // self._tokens())

    def _update_tokens(self) -> int:
        """Tokens that one GPU sees in an update at most."""
        rows = self._schedule.mini_batch * self._rollout.n
        return max(1, -(-rows // self._layout.data_parallel) * self._row() // self._layout.sequence)

    def _row(self) -> int:
        return int(self._data.max_prompt_length + self._data.max_response_length)

    def _share(self) -> float:
        return float(self._rollout.gpu_memory_utilization)

    def _rollout_bytes(self) -> int:
        return DTYPE_BYTES.get(str(self._rollout.dtype), 2)

    def _served(self, name: str, share: float) -> Part:
        return Part(name, int(share * self.gpu_bytes), f"{share:g} × {self.gpu_bytes / GIB:.0f} GiB")


def _overhead() -> Part:
    return Part("CUDA, NCCL", defaults.PLAN_OVERHEAD_GIB * GIB, "assumed")


def _short(count: int) -> str:
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"
