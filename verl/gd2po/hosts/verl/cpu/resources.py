"""The needs of a run: logical devices and CPUs of Ray, which are only counted, and memory of the machine."""

from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf

from gd2po.hosts.verl.cpu.platform import joins_cluster
from gd2po.hosts.verl.reading.names import is_served_by_verl, models_of, own_devices, served
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.pretrained.shape import count_weights
from gd2po.rewards.models.settings import ModelSettings

_COLOCATED = 3  # CPUs verl reserves per device of a pool (`ResourcePoolManager.max_colocate_count`)
_OF_ITS_OWN = 2  # CPUs verl reserves per device of an engine that has its own (`RolloutReplica.init_standalone`)
_QUEUE_CONTROLLER = 1  # CPU of TransferQueue's controller, next to one per storage unit
_STARTING = 2  # CPUs an actor needs while it starts; these actors give them back

_PROCESS_BYTES = 500 << 20  # a Python process with torch, verl and transformers loaded; measured 400–640 MiB
_ENGINE_BYTES = 3 << 29  # what a replica by vLLM takes beyond our server: two processes and its cache; measured 2 GiB
_SHARED_PROCESSES = 6  # driver, task runner, agent loop, reward, queue controller, storage; verl starts one each
_BYTES_PER_WEIGHT = {"trained": 16, "frozen": 4}  # float32 weight, gradient and two Adam moments; weight alone


@dataclass(frozen=True)
class RayNeeds:
    """The logical devices and CPUs that all actors of a run ask Ray for.

    Attributes:
        devices: The number of devices of the trainer.
        storage_units: The number of TransferQueue's storage units.
        reward_devices: The number of devices of reward models that have their own.
        engine_devices: The part of ``reward_devices`` on which an engine of verl serves; our server asks for no CPUs.
    """

    devices: int
    storage_units: int
    reward_devices: int = 0
    engine_devices: int = 0

    @classmethod
    def of(cls, config: DictConfig) -> "RayNeeds":
        """Read the needs from a composed configuration of verl's trainer."""
        devices = config.trainer.n_gpus_per_node * config.trainer.nnodes
        reward = config.reward.reward_model
        if reward.enable and reward.enable_resource_pool:
            devices += reward.n_gpus_per_node * reward.nnodes
        units = config.transfer_queue.backend.SimpleStorage.num_data_storage_units
        models = _models(config)
        engines = [(name, model) for name, model in models if is_served_by_verl(served(config, model))]
        return cls(devices, units, sum(own_devices(models).values()), sum(own_devices(engines).values()))

    @property
    def all_devices(self) -> int:
        """The devices of the trainer and of reward models that have their own."""
        return self.devices + self.reward_devices

    @property
    def cpus(self) -> int:
        """The CPUs of all actors, and no more: Ray starts about as many idle processes."""
        engines = self.engine_devices * _OF_ITS_OWN
        return self.devices * _COLOCATED + engines + self.storage_units + _QUEUE_CONTROLLER + _STARTING

    def __str__(self) -> str:
        return (
            f"{self.devices} devices x {_COLOCATED}, {self.engine_devices} of reward models x {_OF_ITS_OWN}, "
            f"{self.storage_units} TransferQueue storage units, "
            f"{_QUEUE_CONTROLLER} TransferQueue controller, {_STARTING} for actors while they start"
        )


def ray_is_ours(config: DictConfig) -> bool:
    """Whether verl will start Ray on this machine, rather than join a cluster."""
    return not (joins_cluster() or OmegaConf.select(config, "ray_kwargs.ray_init.address"))


def memory_needed(config: DictConfig) -> int:
    """The bytes of memory that a run takes at least: its processes, and its weights in float32."""
    workers = config.trainer.n_gpus_per_node * config.trainer.nnodes
    models = [model.path for _, model in _models(config) if not model.url]
    processes = _SHARED_PROCESSES + 2 * workers + 2 * len(models)  # FSDP worker, rollout; server and router of a model
    copies = _BYTES_PER_WEIGHT["trained"] + _BYTES_PER_WEIGHT["frozen"] * workers
    if config.actor_rollout_ref.actor.use_kl_loss or config.algorithm.use_kl_in_reward:
        copies += _BYTES_PER_WEIGHT["frozen"]
    rewards = _BYTES_PER_WEIGHT["frozen"] * sum(count_weights(path) for path in models)
    rewards += _ENGINE_BYTES * _engine_replicas(config, workers)
    return processes * _PROCESS_BYTES + copies * count_weights(config.actor_rollout_ref.model.path) + rewards


def _engine_replicas(config: DictConfig, workers: int) -> int:
    """The number of reward-model servers by engines of verl; colocated models have as many as the devices hold."""
    models = [served(config, model) for _, model in _models(config) if not model.url]
    return sum(
        model.replicas if model.placement == "own_gpus" else workers // model.tensor_parallel
        for model in models
        if is_served_by_verl(model)
    )


def _models(config: DictConfig) -> list[tuple[str, ModelSettings]]:
    settings = settings_of(config)
    return [] if settings is None else list(models_of(settings))


def sft_memory_needed(model: str, processes: int) -> int:
    """The bytes of memory that a supervised warm start takes at least; its processes share one copy of the state."""
    return processes * _PROCESS_BYTES + _BYTES_PER_WEIGHT["trained"] * count_weights(model)
