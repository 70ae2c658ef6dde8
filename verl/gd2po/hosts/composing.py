"""The configuration of a run, composed by Hydra from the files of a task over those of a host; nothing is started."""

import contextlib
import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import GD2POError, SettingsError, nearest

_UNKNOWN_KEY = re.compile(r"Could not override '(.*)'\.\nTo append to your config use (.*)", re.DOTALL)
"""What Hydra says of a key that does not exist: the key, and the override that would add it."""


@dataclass(frozen=True)
class TaskFiles:
    """What a configuration is composed from.

    Attributes:
        folder: The folder of the task's configuration.
        name: The name of its main file, without the ending.
        host: The place of the host's ``ppo_trainer.yaml``, such as ``pkg://package`` or ``file:///folder``.
        overrides: Overrides in Hydra's grammar.
    """

    folder: Path
    name: str
    host: str
    overrides: Sequence[str]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with these overrides, its interpolations not resolved. Hydra's errors pass."""
        from hydra import compose, initialize_config_dir

        search_path = f"hydra.searchpath=[pkg://gd2po.configs,{self.host}]"
        with initialize_config_dir(str(self.folder.absolute()), version_base=None):
            return compose(self.name, [search_path, *overrides])


def compose_task(files: TaskFiles, check: Callable[[DictConfig], object] = lambda config: None) -> DictConfig:
    """Compose the configuration of a run; its interpolations are resolved.

    Args:
        files: What it is composed from.
        check: Called with the configuration before its interpolations are resolved.

    Raises:
        SettingsError: Hydra refuses the files or the overrides.
    """
    with refusals_of_hydra(files):
        config = files.compose(files.overrides)
        check(config)
        OmegaConf.resolve(config)
    return config


@contextlib.contextmanager
def refusals_of_hydra(files: TaskFiles | None = None) -> Iterator[None]:
    """Turn what Hydra, OmegaConf and YAML raise about a configuration into one line.

    Args:
        files: What the configuration is composed from, which tells the keys that it has; None where it is not known.

    Raises:
        SettingsError: ``this configuration does not compose: …``, with the remedy.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    plain = (ValueError, TypeError, AttributeError, LookupError)  # Hydra has no error of its own for some values
    try:
        yield
    except GD2POError:
        raise
    except (HydraException, OmegaConfBaseException, YAMLError, *plain) as error:
        message = _unknown_key(error, files) or _described(error)
        raise SettingsError(f"this configuration does not compose: {message}") from None


def _described(error: Exception) -> str:
    """The message of an error of Hydra in one line, with the remedy where the error has one."""
    from hydra.errors import MissingConfigException, OverrideParseException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        return f"{group}={option} does not exist.{nearest(option, error.options)}"
    text, _, _ = str(error).partition("\nConfig search path:")
    if error.__cause__ is not None:
        text = f"{text}: {error.__cause__}"
    if isinstance(error, OverrideParseException):
        text = text.partition("\nSee https://")[0]
        quoted = "put a value with commas, colons, brackets, quotes or spaces into quotes: \"key='value'\""
        return f"the override {error.override!r} cannot be read: {' '.join(text.split())}; {quoted}"
    return " ".join(text.split())


def _unknown_key(error: Exception, files: TaskFiles | None) -> str | None:
    """What to write instead of an override of a key that the configuration does not have; None for other errors."""
    from hydra.errors import HydraException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

    match = _UNKNOWN_KEY.fullmatch(str(error))
    if match is None or not isinstance(error.__cause__, ConfigAttributeError | ConfigKeyError):
        return None
    key, appended = max(match[1], error.__cause__.full_key or "", key=len), match[2]
    keys: set[str] = set()
    if files is not None:
        with contextlib.suppress(HydraException, OmegaConfBaseException):  # another override may be at fault, too
            every = _keys(files.compose([override for override in files.overrides if override != appended[1:]]))
            keys = {known for known in every if not key.startswith(f"{known}.")}
    elsewhere = [known for known in keys if known.rpartition(".")[2] == key.rpartition(".")[2]]
    matches = difflib.get_close_matches(key, elsewhere, 2, 0) + difflib.get_close_matches(key, keys, 3, 0.7)
    close = f" Did you mean {', '.join(dict.fromkeys(matches))}?" if matches else ""
    return f"the configuration has no key {key}.{close} To add it as a new key, write '{appended}'"


def _keys(block: DictConfig, above: str = "") -> Iterator[str]:
    """Every key of a configuration with the keys above it, joined by dots."""
    for key in map(str, block):
        yield f"{above}{key}"
        child = None if OmegaConf.is_interpolation(block, key) or OmegaConf.is_missing(block, key) else block[key]
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{above}{key}.")
