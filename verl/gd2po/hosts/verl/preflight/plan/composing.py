"""The configuration of a run as ``scripts/train.sh`` composes it, without starting anything."""

import contextlib
import difflib
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import GD2POError, SettingsError, nearest
from gd2po.hosts.verl.reading.kinds import BLOCKS, no_block
from gd2po.hosts.verl.reading.run_settings import check_run_blocks
from gd2po.paths import config_dir

_USAGE = "TASK METHOD MODEL [overrides], as scripts/train.sh takes them, or FILE.yaml [overrides]"
_UNKNOWN_KEY = re.compile(r"Could not override '(.*)'\.\nTo append to your config use (.*)", re.DOTALL)
"""What Hydra says of a key that does not exist: the key, and the override that would add it."""


def compose_run(arguments: Sequence[str]) -> DictConfig:
    """Compose the configuration of a run from the arguments of a command.

    Args:
        arguments: Task, method and model with Hydra overrides, or a composed YAML file with overrides (``--cfg job``
            prints such a file, and every run keeps one in its folder).

    Raises:
        SettingsError: There are too few arguments, Hydra refuses them, or a whole block of the configuration is
            replaced by another value.
        FileNotFoundError: The task or file does not exist.
    """
    if arguments and arguments[0].endswith((".yaml", ".yml")):
        with composing():
            config = _read(*arguments)
            check_run_blocks(config)
            OmegaConf.resolve(config)
    else:
        folder, overrides = _task_run(arguments)
        with composing(folder, "base", overrides):
            config = _compose(folder, "base", overrides)
            check_run_blocks(config)
            OmegaConf.resolve(config)
    return config


@contextlib.contextmanager
def composing(folder: str | None = None, name: str = "", overrides: Sequence[str] = ()) -> Iterator[None]:
    """Turn what Hydra raises about a configuration into one line.

    Args:
        folder: The folder that the configuration is composed from; None where it is not known.
        name: The name of the configuration in that folder.
        overrides: The overrides of the configuration, in Hydra's grammar.

    Raises:
        SettingsError: ``this configuration does not compose: …``, with the remedy; or the words of
            :func:`gd2po.hosts.verl.reading.kinds.no_block` where an override replaces a whole block.
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
        _refuse_replaced_block(overrides)
        message = _unknown_key(error, folder, name, overrides) or _described(error)
        raise SettingsError(f"this configuration does not compose: {message}") from None


def _refuse_replaced_block(overrides: Sequence[str]) -> None:
    """Refuse an override that replaces a whole block by another value, which Hydra refuses in other words or none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for override in overrides:
        with contextlib.suppress(HydraException):  # what cannot be read is refused elsewhere
            parsed = parser.parse_override(override)
            if parsed.key_or_group in BLOCKS and not (parsed.is_delete() or isinstance(parsed.value(), dict | str)):
                raise no_block(parsed.key_or_group, parsed.value())


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


def _unknown_key(error: Exception, folder: str | None, name: str, overrides: Sequence[str]) -> str | None:
    """What to write instead of an override of a key that the configuration does not have; None for other errors."""
    from hydra.errors import HydraException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

    match = _UNKNOWN_KEY.fullmatch(str(error))
    if match is None or not isinstance(error.__cause__, ConfigAttributeError | ConfigKeyError):
        return None
    key, appended = max(match[1], error.__cause__.full_key or "", key=len), match[2]
    keys: set[str] = set()
    with contextlib.suppress(HydraException, OmegaConfBaseException):  # another override may be at fault, too
        rest = [override for override in overrides if override != appended[1:]]
        every = () if folder is None else _keys(_compose(folder, name, rest))
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


def _task_run(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The folder of a task's configuration, and the overrides of a run of it."""
    if len(arguments) < 3:
        raise SettingsError(f"found {' '.join(arguments) or 'no argument'}; expected {_USAGE}")
    task, method, model, *overrides = arguments
    chosen = [f"method={method}", f"run.model={Path(model).name}", f"actor_rollout_ref.model.path={model}"]
    return str(config_dir(task)), [*chosen, *overrides]


def _compose(folder: str, name: str, overrides: Sequence[str]) -> DictConfig:
    from hydra import compose, initialize_config_dir

    search_path = f"hydra.searchpath=[pkg://gd2po.configs,file://{host_folder()}]"
    with initialize_config_dir(folder, version_base=None):
        return compose(name, [search_path, *overrides])


def _read(file: str, *overrides: str) -> DictConfig:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.utils import setup_globals

    setup_globals()  # registers the resolvers that a composed file may still use
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no file {file}; expected {_USAGE}")
    try:
        config = OmegaConf.load(file)
    except OSError as error:  # OmegaConf's for a document that is no mapping or list, too
        raise SettingsError(f"{file} cannot be read: {error}") from None
    if not isinstance(config, DictConfig) or not isinstance(config.get("actor_rollout_ref"), DictConfig):
        raise SettingsError(f"{file} is no composed configuration of verl's trainer: it has no actor_rollout_ref")
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
    return config


def host_folder() -> Path:
    """The folder of verl's own configuration.

    Raises:
        SettingsError: verl is not installed.
    """
    spec = find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("verl is not installed, and a run is composed over its configuration; see gd2po doctor")
    return Path(spec.submodule_search_locations[0]) / "trainer" / "config"
