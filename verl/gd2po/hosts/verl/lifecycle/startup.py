"""Before Ray starts: refuse, caution and print, and tell the processes of the run that it is ours."""

import logging
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.hosts.verl import logs
from gd2po.hosts.verl.checkpoints import identity
from gd2po.hosts.verl.checkpoints.resuming import point_tracker_at_latest_complete
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.ours import VARIABLE
from gd2po.hosts.verl.lifecycle import run_paths
from gd2po.hosts.verl.reading import run_settings
from gd2po.hosts.verl.reading.names import ENVIRONMENT
from gd2po.hosts.verl.reading.v0_trainer import is_checked, is_v0
from gd2po.hosts.verl.reward_models.configuration import check_engines, check_reward_models
from gd2po.hosts.verl.step.skipping import skips
from gd2po.runs.files import settings_text
from gd2po.settings import Settings

logger = logging.getLogger(__name__)


def wrap_validate_config(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap verl's ``validate_config``: ours first, since a wrong name is cheaper to find than a wrong batch size."""

    def validate_config(config: DictConfig, *args: Any, **kwargs: Any) -> None:
        if is_checked(config, VARIABLE):
            original(config, *args, **kwargs)
            return
        logs.keep_warnings()
        settings = run_settings.check_run(config)
        assert settings is not None, "the run is ours"
        if is_v0(config):
            seam.require_v0()
        check_reward_models(config, settings)
        skips(config, settings)
        original(config, *args, **kwargs)
        check_engines(config, settings)
        run_paths.make_absolute(config)
        if settings.guards.checkpoints:
            point_tracker_at_latest_complete(config)
        identity.check(config, settings)
        _announce(config, settings)
        _tell_processes(config, settings)

    return validate_config


def _announce(config: DictConfig, settings: Settings) -> None:
    for caution in run_settings.cautions(config, settings):
        logger.warning(caution)
    logger.warning("gd2po settings of this run:\n%s", settings_text(settings))  # verl hides what is below warning
    switches = settings.guards.model_dump()
    on, off = (", ".join(name for name, switch in switches.items() if switch is value) for value in (True, False))
    logger.warning("gd2po guards of this run: on: %s; off: %s", on or "none", off or "none")


def _tell_processes(config: DictConfig, settings: Settings) -> None:
    """Give Ray the variables by which the processes of this run, and of no other, know that it is ours."""
    import ray

    guards = ",".join(name for name, switch in settings.guards.model_dump().items() if switch)
    for name, value in {VARIABLE: guards, **logs.variables()}.items():
        OmegaConf.update(config, f"{ENVIRONMENT}.{name}", value, force_add=True)
    OmegaConf.resolve(config.ray_kwargs)  # verl hands it to Ray with interpolations unresolved
    if ray.is_initialized():
        logger.warning(
            "Ray was started before this run, so its processes cannot be told which guards are on: only checkpoints, "
            "engine_end and a part of prompts act, in the trainer itself. Let verl start Ray, or set %s=%s for its "
            "workers",
            VARIABLE,
            guards,
        )
