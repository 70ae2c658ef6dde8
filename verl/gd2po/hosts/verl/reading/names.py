"""Names that the configuration, verl's registries and Ray must agree on."""

from collections.abc import Iterable, Iterator

from omegaconf import DictConfig

from gd2po.rewards.models.settings import ModelSettings
from gd2po.settings import Settings

ROLLOUT = "transformers"
"""Our rollout server on CPU, in verl's registries."""

MANAGER = {
    "source": "importlib",
    "name": "NamedRewardManager",
    "module": {"path": "pkg://gd2po.hosts.verl.reward_models.manager"},
}
"""Value of ``reward.reward_manager`` with which verl's reward workers use named models."""

ADDRESSES = "gd2po_reward_models"
"""Key of the run's configuration that holds reward name → addresses, for its reward workers."""

ENVIRONMENT = "ray_kwargs.ray_init.runtime_env.env_vars"
"""Key of the run's configuration that holds the environment variables of its processes."""

ENGINE = "transformers_reward"
"""Our server of reward models on CPU, in verl's registry of rollout servers."""


def server_name(replica_rank: int) -> str:
    """The name of the Ray actor that serves replica `replica_rank`."""
    return f"{ROLLOUT}_server_{replica_rank}_0"


def models_of(settings: Settings) -> Iterator[tuple[str, ModelSettings]]:
    """The name and the model of each reward that has a model."""
    return ((name, reward.model) for name, reward in settings.rewards.items() if reward.model is not None)


def served(config: DictConfig, model: ModelSettings) -> ModelSettings:
    """The model with its engine set; the engine of the rollouts is the default."""
    if model.engine or model.placement == "server":
        return model
    return model.model_copy(update={"engine": config.actor_rollout_ref.rollout.name})


def is_served_by_verl(model: ModelSettings) -> bool:
    """Whether an engine of verl serves the model, rather than our own server; its engine must be set."""
    return model.engine != ROLLOUT


def is_colocated(settings: Settings) -> bool:
    """Whether any model shares the trainer's devices, so that all score after the rollouts, not between them."""
    return any(model.placement == "colocated" for _, model in models_of(settings))


def scores_after_rollouts(config: DictConfig, settings: Settings) -> bool:
    """Whether rewards are known only when all rollouts of a step are there: a model shares the trainer's devices."""
    verls_own = config.reward.reward_model
    return is_colocated(settings) or bool(verls_own.enable and not verls_own.enable_resource_pool)


def own_devices(models: Iterable[tuple[str, ModelSettings]]) -> dict[str, int]:
    """Reward name → number of devices that its model has for itself."""
    return {name: model.replicas * model.tensor_parallel for name, model in models if model.placement == "own_gpus"}
