"""Put the wrappers of :mod:`gd2po.hosts.verl.door.manifest` in place, or say what has changed in verl.

A wrapper is applied when verl imports the module, in each process that does: ``import verl`` costs nothing more. Where
a signature is not the one in the manifest, that import fails with the row's text: no training on a guess.
"""

import functools
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from gd2po.errors import HostError
from gd2po.hosts.verl.door.manifest import HOST_SYMBOLS, VERL_BELOW, VERL_MINIMUM, VLLM_SYMBOLS, HostSymbol

_MARK = "__gd2po_wraps__"


def resolve(symbol: HostSymbol) -> Any:
    """The object a row names. Imports its module.

    Raises:
        HostError: when it is gone or has another signature, with the row's text.
    """
    return _checked(importlib.import_module(symbol.module), symbol)


def _checked(module: ModuleType, symbol: HostSymbol) -> Any:
    found: Any = module
    for part in symbol.name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise HostError(_changed(symbol, "it is not there"))
    if symbol.parameters is not None:
        parameters = tuple(inspect.signature(found).parameters)
        if not _agree(parameters, symbol.parameters):
            raise HostError(_changed(symbol, f"its parameters are {parameters}, expected {symbol.parameters}"))
    return found


def _agree(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    if expected[-1:] == ("*",):
        return found[: len(expected) - 1] == expected[:-1]
    return found == expected


def _changed(symbol: HostSymbol, found: str) -> str:
    return (
        f"verl's {symbol} has changed: {found}. gd2po uses it to {symbol.what}, because {symbol.why}. "
        f"Install verl >={VERL_MINIMUM},<{VERL_BELOW}, or a gd2po release that supports this verl."
    )


def install() -> None:
    """Arrange that each wrapped symbol is wrapped as soon as verl imports its module. Idempotent, imports nothing."""
    modules = {symbol.module for symbol in _symbols() if symbol.wrapper}
    for module in sorted(modules):
        wrapt.register_post_import_hook(_wrap_all_in, module)


def _wrap_all_in(module: ModuleType) -> None:
    for symbol in _symbols():
        if symbol.module == module.__name__ and symbol.wrapper:
            _wrap(module, symbol)


def _symbols() -> tuple[HostSymbol, ...]:
    return HOST_SYMBOLS + VLLM_SYMBOLS


def _wrap(module: ModuleType, symbol: HostSymbol) -> None:
    original = _checked(module, symbol)
    if hasattr(original, _MARK):
        return
    wrapper_module, _, wrapper_name = str(symbol.wrapper).partition(":")
    make: Callable[[Any], Any] = getattr(importlib.import_module(wrapper_module), wrapper_name)
    replacement = make(original)
    setattr(replacement, _MARK, str(symbol))
    owner, name = holder(module, symbol)
    setattr(owner, name, replacement)


def holder(module: ModuleType, symbol: HostSymbol) -> tuple[Any, str]:
    """The module or class that holds a symbol, and its name there."""
    *path, name = symbol.name.split(".")
    return functools.reduce(getattr, path, module), name


def is_wrapped(symbol: HostSymbol) -> bool:
    """Whether the plug-in's wrapper is in place. Imports the symbol's module."""
    return symbol.wrapper is None or hasattr(resolve(symbol), _MARK)
