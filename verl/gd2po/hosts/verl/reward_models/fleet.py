"""All reward models of a run, managed in the trainer's process: start, check, wake-up and sleep."""

import asyncio
import logging
from typing import Any

import ray
from omegaconf import DictConfig
from verl.utils.device import get_resource_name

from gd2po.defaults import Direction
from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import is_colocated, models_of, own_devices, served
from gd2po.hosts.verl.reward_models.placement import NamedRewardModelManager, verl_config
from gd2po.rewards.models.checks import check_scores
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.settings import ModelSettings
from gd2po.settings import Settings

logger = logging.getLogger(__name__)


class Fleet:
    """The running reward models of a run.

    Args:
        config: The configuration of the run.
        settings: The settings with its rewards.
        pool: The trainer's devices, for colocated models.

    Attributes:
        addresses: Reward name → addresses of the servers of its model.
        colocated: Whether any model shares the trainer's devices.

    Raises:
        SettingsError: Too few devices are free for the models on devices of their own.
        RewardModelError: A model does not answer, gives no raw logits, or prefers the wrong answers.
    """

    def __init__(self, config: DictConfig, settings: Settings, pool: Any) -> None:
        self._managers: dict[str, NamedRewardModelManager] = {}
        self._rewards = settings.rewards
        self.addresses: dict[str, list[str]] = {}
        self.colocated = is_colocated(settings)
        _check_devices(settings)
        for name, model in models_of(settings):
            if model.placement == "server":
                self.addresses[name] = list(model.url)
                continue
            manager = NamedRewardModelManager(
                name, verl_config(config, model), pool if model.placement == "colocated" else None
            )
            self._managers[name] = manager
            self.addresses[name] = [f"http://{address}" for address in manager.server_addresses]
        self._check(config)

    def wake_up(self) -> None:
        """Load the colocated models.

        Raises:
            RewardModelError: A model has no server left, and its ``on_failure`` is ``error``.
        """
        for name, manager in self._sleepers():
            try:
                manager.wake_up()
            except RewardModelError:
                if self._model(name).on_failure == "error":
                    raise  # otherwise requests find no server and the rollout counts as not scored

    def sleep(self) -> None:
        """Free the memory of the colocated models for the trainer."""
        for _, manager in self._sleepers():
            manager.sleep()

    def replicas_of(self, engine: str) -> list[Any]:
        """The replicas, verl's objects, of all models that this engine serves."""
        served_by = (manager for manager in self._managers.values() if manager.config.rollout.name == engine)
        return [replica for manager in served_by for replica in manager.rollout_replicas]

    def _sleepers(self) -> list[tuple[str, NamedRewardModelManager]]:
        return [(name, manager) for name, manager in self._managers.items() if manager.config.rollout.free_cache_engine]

    def _model(self, name: str) -> ModelSettings:
        model = self._rewards[name].model
        assert model is not None
        return model

    def _check(self, config: DictConfig) -> None:
        self.wake_up()
        try:
            for name, addresses in self.addresses.items():
                model = served(config, self._model(name))
                asyncio.run(_check_model(name, model, self._rewards[name].direction, addresses))
        finally:
            self.sleep()


async def _check_model(name: str, model: ModelSettings, direction: Direction, addresses: list[str]) -> None:
    logger.warning("reward %s: %s at %s", name, model.path, ", ".join(addresses))  # verl hides lower levels
    client = RewardModelClient(name, model, addresses)
    try:
        report = await check_scores(client, model, direction)
    finally:
        await client.close()
    logger.warning("%s", report)


def _check_devices(settings: Settings) -> None:
    """Refuse a run for whose devices verl would wait for ever."""
    needed = own_devices(models_of(settings))
    free = ray.available_resources().get(get_resource_name(), 0)
    if sum(needed.values()) > free:
        models = ", ".join(f"{name} {count}" for name, count in needed.items())
        raise SettingsError(
            f"reward models on GPUs of their own need {sum(needed.values())} ({models}), and beside the trainer's "
            f"{free:g} are free in the cluster; lower trainer.n_gpus_per_node, or set placement: colocated"
        )
