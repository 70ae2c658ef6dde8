"""Paths of a run, made absolute where they were typed: Ray's workers start in another folder, or on another node."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from gd2po.plugins import is_file

_WRITTEN = ("trainer.default_local_dir", "trainer.rollout_data_dir", "trainer.validation_data_dir")
_READ = (
    "actor_rollout_ref.model.path",
    "data.train_files",
    "data.val_files",
    "reward.custom_reward_function.path",
    "trainer.resume_from_path",
)
_PLUGINS = "algorithm.gd2po.plugins"


def make_absolute(config: DictConfig) -> None:
    """Replace relative paths in place: of folders that are written, and of what is read and exists here.

    A name on the model hub or an address with a scheme stays as it is.
    """
    for key in (*_WRITTEN, *_READ):
        value = OmegaConf.select(config, key)
        if value is not None:
            OmegaConf.update(config, key, _absolute(value, must_exist=key in _READ))
    if plugins := OmegaConf.select(config, _PLUGINS):
        OmegaConf.update(config, _PLUGINS, [_absolute(each, True) if is_file(each) else each for each in plugins])


def _absolute(value: Any, must_exist: bool) -> Any:
    if isinstance(value, ListConfig):
        return [_absolute(item, must_exist) for item in value]
    path = Path(value).expanduser()
    return value if "://" in value or (must_exist and not path.exists()) else str(path.absolute())
