"""Put the wrappers of :mod:`gd2po.hosts.verl.door.manifest` in place, or say what has changed in verl.

A wrapper is applied when verl imports the module, in each process that does: ``import verl`` costs nothing more. What
stands in place of a symbol asks first whether the run is ours, and calls the original and nothing else where it is not.
Where a signature is not the one in the manifest, a run of ours fails with the row's text: no training on a guess.
"""

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from gd2po.errors import HostError
from gd2po.hosts.symbols import Parameters, find_symbol
from gd2po.hosts.verl.door.manifest import (
    CALLED,
    VERL_BELOW,
    VERL_MINIMUM,
    WRAPPED,
    Place,
    Wrapped,
)
from gd2po.hosts.verl.door.ours import PREDICATES, is_process_of_ours

_MARK = "__gd2po_wraps__"


def resolve(symbol: str, parameters: Parameters, purpose: str) -> Any:
    """Import a symbol's module, and return the symbol.

    Args:
        symbol: The symbol as ``module:attribute``.
        parameters: The parameters that it must have.
        purpose: What the plug-in uses it for, and why.

    Raises:
        HostError: when it is gone or has another signature, with its purpose.
    """
    return _checked(importlib.import_module(symbol.partition(":")[0]), symbol, parameters, purpose)


def require_wrapped(row: Wrapped) -> None:
    """Check that a symbol is as written and that the plug-in's wrapper is in place. Imports the symbol's module.

    Raises:
        HostError: saying what is wrong.
    """
    if row.wrapper not in marks(resolve(row.symbol, row.parameters, purpose(row))):
        raise HostError(f"{row} is not wrapped; its module was imported before the plug-in was loaded")


def require_v0() -> None:
    """Check every row that a run of verl's V0 trainer needs beside those of every run. Imports their modules.

    Raises:
        HostError: saying what is wrong.
    """
    for row in WRAPPED:
        if row.is_for_v0:
            require_wrapped(row)


def require_called(symbol: str) -> None:
    """Check that a symbol of :data:`gd2po.hosts.verl.door.manifest.CALLED` is as written.

    Raises:
        HostError: saying what is wrong.
    """
    name, _, parameters = symbol.removesuffix(")").partition("(")
    resolve(name, parameters, CALLED[symbol])


def purpose(row: Wrapped) -> str:
    """What a symbol is wrapped for, and why."""
    return f"{row.what}, because {row.why}"


def _checked(module: ModuleType, symbol: str, parameters: Parameters, purpose: str) -> Any:
    try:
        return find_symbol(module, symbol, parameters)
    except HostError as error:
        raise HostError(
            f"verl's {symbol.replace(':', '.')} has changed: it {error}. gd2po uses it to {purpose}. "
            f"Install verl >={VERL_MINIMUM},<{VERL_BELOW}, or a gd2po release that supports this verl."
        ) from None


def install(*places: Place) -> None:
    """Arrange that the rows of these places are wrapped as soon as their modules are imported.

    Idempotent; imports nothing. Modules that are imported already are wrapped at once.
    """
    rows = [row for row in WRAPPED if row.place in places]
    for module in dict.fromkeys(row.symbol.partition(":")[0] for row in rows):
        wrapt.register_post_import_hook(functools.partial(_wrap_all_in, rows=rows), module)


def _wrap_all_in(module: ModuleType, rows: list[Wrapped]) -> None:
    for row in rows:
        if row.symbol.partition(":")[0] == module.__name__:
            wrap(module, row)


def wrap(module: ModuleType, row: Wrapped) -> None:
    """Put the wrapper of a row in place, once.

    Raises:
        HostError: the symbol has changed, and this process belongs to a run of ours that may need it.
    """
    try:
        original = _checked(module, row.symbol, row.parameters, purpose(row))
    except HostError as error:
        if is_process_of_ours() and not row.is_for_v0:  # V1 imports modules of V0 too; a V0 run checks its rows itself
            raise
        with contextlib.suppress(AttributeError):  # a run that is not ours may do without it
            owner, name = holder(module, row)
            original = getattr(owner, name)
            setattr(owner, name, _dispatch(original, functools.partial(_refuse, str(error)), row))
        return
    if row.wrapper not in marks(original):
        owner, name = holder(module, row)
        setattr(owner, name, replacement(row, original))


def _refuse(text: str, *_arguments: Any, **_options: Any) -> Any:
    raise HostError(text)


def replacement(row: Wrapped, original: Any) -> Any:
    """What stands in place of the original: in a run of ours the row's wrapper around it, elsewhere the original."""
    module, _, name = row.wrapper.partition(":")
    make: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    if isinstance(original, property):
        assert original.fget is not None
        return property(_marked(_dispatch(original.fget, make(original.fget), row), row, original.fget))
    if not inspect.isfunction(original):
        return make(original)
    if row.asks == "nobody":
        return _marked(functools.wraps(original)(make(original)), row, original)
    return _marked(_dispatch(original, make(original), row), row, original)


def _dispatch(original: Callable[..., Any], ours: Callable[..., Any], row: Wrapped) -> Callable[..., Any]:
    is_ours = PREDICATES[row.asks]

    def call(*args: Any, **kwargs: Any) -> Any:
        return (ours if is_ours(args, kwargs, row.guard) else original)(*args, **kwargs)

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return await (ours if is_ours(args, kwargs, row.guard) else original)(*args, **kwargs)

    return functools.wraps(original)(call_async if inspect.iscoroutinefunction(original) else call)


def _marked(function: Callable[..., Any], row: Wrapped, original: Any) -> Callable[..., Any]:
    setattr(function, _MARK, (*marks(original), row.wrapper))
    return function


def marks(value: Any) -> tuple[str, ...]:
    """The wrappers around a symbol, the innermost first."""
    names: tuple[str, ...] = getattr(value.fget if isinstance(value, property) else value, _MARK, ())
    return names


def holder(module: ModuleType, row: Wrapped) -> tuple[Any, str]:
    """The module or class that holds a symbol, and its name there."""
    *path, name = row.symbol.partition(":")[2].split(".")
    return functools.reduce(getattr, path, module), name
