"""verl's V0 trainer (``trainer.use_v1=false``, ``RayPPOTrainer``): is a run its, and what it does not have."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading.names import ENVIRONMENT, scores_after_rollouts
from gd2po.settings import Settings


def is_v0(config: Any) -> bool:
    """Whether the V0 trainer runs this configuration; a part of a configuration does not say so."""
    return isinstance(config, DictConfig) and OmegaConf.select(config, "trainer.use_v1", default=True) is False


def is_checked(config: DictConfig, variable: str) -> bool:
    """Whether the driver of a V0 run has checked and completed this configuration already.

    The V0 trainer has verl check its configuration once more, in an actor of Ray.

    Args:
        config: verl's composed configuration.
        variable: The environment variable that the driver sets in the configuration for the processes of the run.
    """
    import ray

    told = OmegaConf.select(config, f"{ENVIRONMENT}.{variable}") is not None
    return is_v0(config) and told and ray.is_initialized()


def refuse_what_v0_lacks(config: DictConfig, settings: Settings) -> None:
    """Refuse settings of a V0 run that its trainer does not read, or cannot follow with several rewards.

    Raises:
        SettingsError: with the remedy.
    """
    if not is_v0(config):
        return
    remedy = "or set trainer.use_v1=true"
    if scores_after_rollouts(config, settings):
        raise SettingsError(
            "trainer.use_v1 is false, and a reward model is colocated; beside the V0 trainer rewards are scored during "
            "the rollouts only. Give it placement: own_gpus or server (reward.reward_model.enable_resource_pool=true "
            f"for verl's own), {remedy}"
        )
    if (config.algorithm.get("filter_groups") or {}).get("enable", False):
        raise SettingsError(
            "algorithm.filter_groups.enable is true, but trainer.use_v1 is false, and the V0 trainer has no group "
            f"filter; set it to false, {remedy}"
        )
    if (mode := config.trainer.v1.trainer_mode) != "sync":
        raise SettingsError(
            f"trainer.v1.trainer_mode is {mode}, but trainer.use_v1 is false, and the V0 trainer knows no modes; set "
            f"it to sync, {remedy}"
        )
    prompts = config.data.train_batch_size
    if config.data.get("gen_batch_size") not in (None, prompts):
        raise SettingsError(
            f"data.gen_batch_size is {config.data.gen_batch_size}, which the V0 trainer takes for the prompts of a "
            f"step in place of data.train_batch_size={prompts}; leave it out, {remedy}"
        )
