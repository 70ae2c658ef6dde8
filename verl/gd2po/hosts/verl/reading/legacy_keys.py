"""Keys of older verl releases that verl still accepts and no longer reads.

verl's trainer composes the blocks of its ``legacy_reward_impl.yaml`` with every run, so that an old recipe raises no
error; but it moves their values to ``reward`` in its fully asynchronous trainer only. A run with such a key would train
on another reward than the recipe says.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gd2po.errors import SettingsError

LEGACY_BLOCKS = ("custom_reward_function", "reward_model", "sandbox_fusion")
"""The top-level blocks of verl's ``legacy_reward_impl.yaml``."""

_RENAMED = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model": "reward.reward_model",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.reward_loop_source": "reward.reward_manager.source",
    "reward_model.reward_loop_module_path": "reward.reward_manager.module.path",
    "reward_model.reward_loop_class_name": "reward.reward_manager.name",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model.reward_kwargs": "reward.reward_kwargs",
    "reward_model.overlong_buffer": "reward.reward_kwargs.overlong_buffer_cfg",
    "reward_model.sandbox_fusion": "reward.sandbox_fusion",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"""An old key, or the block of one → the key that verl reads; the longest entry that fits a key counts."""

_REMOVED = ("reward_model.model", "reward_model.launch_reward_fn_async", "reward_model.strategy")
"""Old keys, or blocks of them, that have no successor."""

_DATA_SOURCE = ("data.reward_fn_key", "data_source")
"""The key that once named the column from which a reward function's ``data_source`` is read, and its default."""


def refuse_legacy_keys(config: DictConfig) -> None:
    """Refuse the keys that verl accepts and does not read.

    Args:
        config: verl's composed configuration.

    Raises:
        SettingsError: with each of these keys, and the key that verl reads instead.
    """
    old_keys = [
        f"{key}={_text(value)}: {_remedy(key, value, config)}"
        for block in LEGACY_BLOCKS
        for key, value in _set_values(OmegaConf.select(config, block, throw_on_missing=False), block)
    ]
    key, default = _DATA_SOURCE
    column = OmegaConf.select(config, key)
    if column not in (None, default):
        old_keys.append(f"{key}={_text(column)}: rename this column of the data to {default}, which verl reads")
    if old_keys:
        lines = "".join(f"\n  {line}" for line in old_keys)
        raise SettingsError(
            "this run sets keys of older verl releases, which the installed verl accepts and does not read; it would "
            f"train as if they were not there. Replace them:{lines}"
        )


def successor(key: str) -> str | None:
    """The key that verl reads in place of an old one; None where there is none."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        start, rest = ".".join(parts[:length]), parts[length:]
        if start in _RENAMED:
            return ".".join([_RENAMED[start], *rest])
        if start in _REMOVED:
            return None
    return None


def _set_values(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value below a node that is not null, with its key. An empty block has none."""
    plain: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    if isinstance(plain, Mapping):
        for name, value in plain.items():
            yield from _set_values(value, f"{key}.{name}")
    elif plain is not None:
        yield key, plain


def _remedy(key: str, value: Any, config: DictConfig) -> str:
    new = successor(key)
    if new is None:
        return "has no successor; remove it"
    block, _, name = new.rpartition(".")
    known = OmegaConf.select(config, block)
    added = "" if isinstance(known, DictConfig) and name in set(known) else "+"  # a missing value counts as known
    return f"write {added}{new}={_text(value)}"


def _text(value: Any) -> str:
    """A value as it stands on a command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
