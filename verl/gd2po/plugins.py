"""Modules of other people that register estimators, conflict filters and rewards, imported by name or by path."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gd2po.errors import SettingsError


def load_plugins(modules: Any, setting: str = "algorithm.gd2po.plugins") -> None:
    """Import modules, each once per process, so that what they register is known.

    Args:
        modules: import paths such as ``my_lab.methods``, or paths of ``.py`` files.
        setting: where the user named them, for messages.

    Raises:
        SettingsError: this is no list of names, a module is not there, or its import fails; with the cause.
    """
    if isinstance(modules, str) or not isinstance(modules, Sequence) or not all(isinstance(m, str) for m in modules):
        raise SettingsError(f"{setting} is {modules!r}; expected a list of modules, such as [lab.methods, filter.py]")
    for module in modules:
        load_module(module, setting)


def load_module(module: str, setting: str) -> ModuleType:
    """Import a module, once per process.

    Args:
        module: The import path of the module, or the path of its ``.py`` file.
        setting: The place where the user named it, for messages.

    Raises:
        SettingsError: The module is not there, or its import fails; with the cause.
    """
    if is_file(module):
        return _load_file(Path(module).expanduser().absolute(), setting)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _failure(module, setting, error) from error
        raise SettingsError(
            f"{setting}: there is no module {module!r} (no {error.name!r} in the folders where Python looks); install "
            "its package, add its folder to PYTHONPATH, or give the path of its .py file"
        ) from None
    except Exception as error:
        raise _failure(module, setting, error) from error


def is_file(module: str) -> bool:
    """Whether a plug-in is named by the path of its file."""
    return module.endswith(".py") or "/" in module


def _load_file(path: Path, setting: str) -> ModuleType:
    name = f"gd2po_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SettingsError(f"{setting}: there is no file {path}; give the path of a .py file, or an import path")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _failure(str(path), setting, error) from error
    return module


def _failure(module: str, setting: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"{setting}: the import of {module} fails with {type(error).__name__}: {error}; mend the module, or remove it "
        "from the list"
    )
