"""The configuration of a run as ``scripts/train.sh`` composes it, without starting anything."""

import contextlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError
from gd2po.hosts.composing import TaskFiles, compose_task, refusals_of_hydra
from gd2po.hosts.verl.reading.kinds import BLOCKS, no_block
from gd2po.hosts.verl.reading.run_settings import check_run_blocks
from gd2po.paths import config_dir

_USAGE = "TASK METHOD MODEL [overrides], as scripts/train.sh takes them, or FILE.yaml [overrides]"


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
        with refusals_of_hydra():
            config = _read(*arguments)
            check_run_blocks(config)
            OmegaConf.resolve(config)
        return config
    if len(arguments) < 3:
        raise SettingsError(f"found {' '.join(arguments) or 'no argument'}; expected {_USAGE}")
    task, method, model, *overrides = arguments
    chosen = [f"method={method}", f"run.model={Path(model).name}", f"actor_rollout_ref.model.path={model}"]
    files = task_files(str(config_dir(task)), "base", [*chosen, *overrides])
    with refusals_of_blocks(files.overrides):
        return compose_task(files, check_run_blocks)


def task_files(folder: str, name: str, overrides: Sequence[str]) -> TaskFiles:
    """The files of a task over those of verl.

    Raises:
        SettingsError: verl is not installed.
    """
    return TaskFiles(Path(folder), name, f"file://{host_folder()}", overrides)


def host_folder() -> Path:
    """The folder of verl's own configuration.

    Raises:
        SettingsError: verl is not installed.
    """
    spec = find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("verl is not installed, and a run is composed over its configuration; see gd2po doctor")
    return Path(spec.submodule_search_locations[0]) / "trainer" / "config"


@contextlib.contextmanager
def refusals_of_blocks(overrides: Sequence[str]) -> Iterator[None]:
    """Say of a refused override which replaces a whole block by another value what it does: Hydra does not say it.

    Raises:
        SettingsError: In the words of :func:`gd2po.hosts.verl.reading.kinds.no_block`, or as it was raised.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        yield
    except SettingsError:
        parser = OverridesParser.create()
        for override in overrides:
            with contextlib.suppress(HydraException):  # what cannot be read has been refused
                parsed = parser.parse_override(override)
                if parsed.key_or_group in BLOCKS and not (parsed.is_delete() or isinstance(parsed.value(), dict | str)):
                    raise no_block(parsed.key_or_group, parsed.value()) from None
        raise


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
