"""Which GPUs a run uses for what: the trainer and its parallelism, rollout replicas, and reward models."""

import math
from dataclasses import dataclass

from omegaconf import DictConfig

from gd2po.hosts.verl.reading.names import models_of, served
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.rewards.models.settings import ModelSettings


@dataclass(frozen=True)
class RewardPlacement:
    """The GPUs of one reward model.

    Attributes:
        name: The name of the reward.
        path: The folder or hub name of the model.
        kind: The kind of the model, ``scalar`` or ``guard``.
        placement: Its place, ``colocated``, ``own_gpus`` or ``server``.
        engine: The engine that serves the model; None for a running server.
        replicas: The number of copies of the model; 0 for a running server.
        tensor_parallel: The number of GPUs that share one copy.
        gpu_memory: The share of the memory of each of these GPUs.
    """

    name: str
    path: str
    kind: str
    placement: str
    engine: str | None
    replicas: int
    tensor_parallel: int
    gpu_memory: float

    @property
    def own_gpus(self) -> int:
        """The number of GPUs beyond those of the trainer."""
        return self.replicas * self.tensor_parallel if self.placement == "own_gpus" else 0


@dataclass(frozen=True)
class GpuLayout:
    """The GPUs of a run.

    Attributes:
        nodes: The number of nodes of the trainer.
        gpus_per_node: The number of GPUs on each node of the trainer.
        strategy: The training engine, such as ``fsdp`` or ``megatron``.
        tensor: The number of GPUs that share a layer in training (Megatron).
        pipeline: The number of pipeline stages in training (Megatron).
        sequence: The number of GPUs that share a sequence in training (Ulysses, or Megatron's context parallelism).
        shards: The number of GPUs over which FSDP spreads weights, gradients and optimizer.
        engine: The rollout engine.
        replica: The number of GPUs of one rollout replica.
        rollout_tensor: The number of GPUs of a replica that share a layer.
        shared: The number of GPUs of the trainer that also generate.
        stand_alone: The number of GPUs that only generate, beyond those of the trainer.
        rewards: The reward models.
    """

    nodes: int
    gpus_per_node: int
    strategy: str
    tensor: int
    pipeline: int
    sequence: int
    shards: int
    engine: str
    replica: int
    rollout_tensor: int
    shared: int
    stand_alone: int
    rewards: tuple[RewardPlacement, ...]

    @property
    def world(self) -> int:
        """The number of GPUs of the trainer."""
        return self.nodes * self.gpus_per_node

    @property
    def model_parallel(self) -> int:
        """The number of GPUs that work on the same row in training."""
        return self.tensor * self.pipeline * self.sequence

    @property
    def data_parallel(self) -> int:
        """The number of data-parallel workers of the trainer."""
        return self.world // self.model_parallel

    @property
    def replicas(self) -> int:
        """The number of rollout replicas."""
        return (self.shared + self.stand_alone) // self.replica

    @property
    def all_gpus(self) -> int:
        """The number of GPUs that the cluster must have."""
        return self.world + self.stand_alone + sum(model.own_gpus for model in self.rewards)

    @classmethod
    def of(cls, config: DictConfig) -> "GpuLayout":
        """Read the layout from a composed configuration of verl's trainer."""
        actor, rollout, trainer = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout, config.trainer
        world = trainer.nnodes * trainer.n_gpus_per_node
        separate = trainer.v1.trainer_mode == "separate_async"
        tensor, pipeline, sequence, shards = _training(actor, world)
        return cls(
            nodes=trainer.nnodes,
            gpus_per_node=trainer.n_gpus_per_node,
            strategy=actor.strategy,
            tensor=tensor,
            pipeline=pipeline,
            sequence=sequence,
            shards=shards,
            engine=rollout.name,
            replica=math.prod(rollout[f"{kind}_parallel_size"] for kind in ("tensor_model", "data", "pipeline_model")),
            rollout_tensor=rollout.tensor_model_parallel_size,
            shared=world if config.actor_rollout_ref.hybrid_engine else 0,
            stand_alone=rollout.nnodes * rollout.n_gpus_per_node if separate else 0,
            rewards=_rewards(config, world),
        )


def _training(actor: DictConfig, world: int) -> tuple[int, int, int, int]:
    """The sizes of tensor, pipeline and sequence parallelism, and the number of FSDP shards."""
    if actor.strategy == "megatron":
        engine = actor.megatron
        return (
            engine.tensor_model_parallel_size,
            engine.pipeline_model_parallel_size,
            engine.context_parallel_size,
            1,
        )
    engine = actor.fsdp_config
    sequence = max(actor.ulysses_sequence_parallel_size, engine.ulysses_sequence_parallel_size)
    return 1, 1, sequence, engine.fsdp_size if engine.fsdp_size > 0 else world


def _rewards(config: DictConfig, world: int) -> tuple[RewardPlacement, ...]:
    settings = settings_of(config)
    models = [] if settings is None else list(models_of(settings))
    return tuple(_placed(name, served(config, model), world) for name, model in models)


def _placed(name: str, model: ModelSettings, world: int) -> RewardPlacement:
    replicas = {"colocated": world // model.tensor_parallel, "own_gpus": model.replicas, "server": 0}[model.placement]
    return RewardPlacement(
        name,
        model.path,
        model.kind,
        model.placement,
        model.engine,
        replicas,
        model.tensor_parallel,
        model.gpu_memory,
    )
