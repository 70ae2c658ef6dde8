"""Who runs on which GPUs: the trainer and its parallelism, rollout replicas, and reward models."""

import math
from dataclasses import dataclass

from omegaconf import DictConfig

from gd2po.hosts.verl.reading.names import models_of, served
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.rewards.models.settings import ModelSettings


@dataclass(frozen=True)
class RewardPlacement:
    """One reward model.

    Attributes:
        name: of the reward.
        path: folder or hub name.
        kind: ``scalar`` or ``guard``.
        placement: ``colocated``, ``own_gpus`` or ``server``.
        engine: what serves it; None for a running server.
        replicas: copies of it; 0 for a running server.
        tensor_parallel: GPUs of one copy.
        gpu_memory: share of each of these GPUs.
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
        """GPUs beyond those of the trainer."""
        return self.replicas * self.tensor_parallel if self.placement == "own_gpus" else 0


@dataclass(frozen=True)
class Layout:
    """GPUs of a run.

    Attributes:
        nodes: of the trainer.
        gpus_per_node: of the trainer.
        strategy: training engine, such as ``fsdp`` or ``megatron``.
        tensor: GPUs that share a layer in training (Megatron).
        pipeline: GPUs that share the layers in training (Megatron).
        sequence: GPUs that share a sequence in training (Ulysses, or Megatron's context parallelism).
        shards: GPUs over which FSDP spreads weights, gradients and optimizer.
        engine: rollout engine.
        replica: GPUs of one rollout replica.
        rollout_tensor: of these, how many share a layer.
        shared: GPUs of the trainer that generate too.
        stand_alone: GPUs of rollouts only, beyond the trainer's.
        rewards: reward models.
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
        """GPUs of the trainer."""
        return self.nodes * self.gpus_per_node

    @property
    def model_parallel(self) -> int:
        """GPUs that work on the same row in training."""
        return self.tensor * self.pipeline * self.sequence

    @property
    def data_parallel(self) -> int:
        """Rows that are trained on at once."""
        return self.world // self.model_parallel

    @property
    def replicas(self) -> int:
        """Copies of the policy that generate."""
        return (self.shared + self.stand_alone) // self.replica

    @property
    def all_gpus(self) -> int:
        """GPUs that the cluster must have."""
        return self.world + self.stand_alone + sum(model.own_gpus for model in self.rewards)

    @classmethod
    def of(cls, config: DictConfig) -> "Layout":
        """Read from a composed configuration of verl's trainer."""
        actor, rollout, trainer = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout, config.trainer
        world = trainer.nnodes * trainer.n_gpus_per_node
        apart = trainer.v1.trainer_mode == "separate_async"
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
            stand_alone=rollout.nnodes * rollout.n_gpus_per_node if apart else 0,
            rewards=_rewards(config, world),
        )


def _training(actor: DictConfig, world: int) -> tuple[int, int, int, int]:
    """Tensor, pipeline and sequence parallelism, and the shards of FSDP."""
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
