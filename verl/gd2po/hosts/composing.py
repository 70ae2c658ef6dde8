"""The configuration of a run, composed by Hydra from the files of a task over those of a host; nothing is started."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError


def compose_task(folder: Path, name: str, host: str, overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration of a run; its interpolations are resolved.

    Args:
        folder: The folder of the task's configuration.
        name: The name of its main file, without the ending.
        host: The place of the host's ``ppo_trainer.yaml``, such as ``pkg://package`` or ``file:///folder``.
        overrides: Hydra's overrides.

    Raises:
        SettingsError: Hydra refuses the files or the overrides.
    """
    from hydra import compose, initialize_config_dir

    search_path = f"hydra.searchpath=[pkg://gd2po.configs,{host}]"
    with refusals_of_hydra(), initialize_config_dir(str(folder.absolute()), version_base=None):
        config = compose(name, [search_path, *overrides])
        OmegaConf.resolve(config)
    return config


@contextmanager
def refusals_of_hydra() -> Iterator[None]:
    """The errors of Hydra, OmegaConf and YAML become ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, UnicodeError) as error:
        message, _, _ = str(error).partition("\nConfig search path:")
        raise SettingsError(f"this configuration does not compose: {message}") from None
