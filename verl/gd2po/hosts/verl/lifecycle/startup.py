"""What happens once: refuse, caution and print before Ray starts, and save the settings with the run."""

import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.hosts.verl import cpu
from gd2po.hosts.verl.checkpoints import identity as run_identity
from gd2po.hosts.verl.checkpoints.resuming import settle
from gd2po.hosts.verl.lifecycle import run_paths
from gd2po.hosts.verl.lifecycle.benchmark_rows import caution_about_long_rows
from gd2po.hosts.verl.reading import run_settings
from gd2po.hosts.verl.reward_models.configuration import check_engines, check_reward_models
from gd2po.hosts.verl.step.skipping import skips
from gd2po.runs.files import SETTINGS_FILE
from gd2po.settings import Settings

logger = logging.getLogger(__name__)


def checked(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap verl's ``validate_config``: ours first, since a wrong name is cheaper to find than a wrong batch size."""

    @functools.wraps(original)
    def validate_config(config: DictConfig, *args: Any, **kwargs: Any) -> None:
        settings = run_settings.check_run(config)
        if settings is not None:
            check_reward_models(config, settings)
            skips(config, settings)
        cpu.check_run(config)
        original(config, *args, **kwargs)
        if settings is not None:
            check_engines(config, settings)
            run_paths.make_absolute(config)
            settle(config)
            run_identity.check(config, settings)
            _announce(config, settings)
        OmegaConf.resolve(config.ray_kwargs)  # verl hands it to Ray with interpolations unresolved

    return validate_config


def _announce(config: DictConfig, settings: Settings) -> None:
    for caution in run_settings.cautions(config, settings):
        logger.warning(caution)
    if long := caution_about_long_rows(config):
        logger.warning(long)
    logger.warning("gd2po settings of this run:\n%s", _text(settings))  # verl's log level hides what is below warning


def save_settings(config: DictConfig, settings: Settings) -> None:
    """Write the resolved settings beside the run's checkpoints."""
    directory = Path(config.trainer.default_local_dir)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / SETTINGS_FILE).write_text(_text(settings) + "\n")


def _text(settings: Settings) -> str:
    return json.dumps(run_settings.describe(settings), indent=2)
