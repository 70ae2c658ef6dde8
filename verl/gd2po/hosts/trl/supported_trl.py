"""Which TRL this package runs in, and whether the installed one has the symbols that are used."""

import importlib
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.version import Version

from gd2po.errors import HostError
from gd2po.hosts.symbols import find_symbol
from gd2po.hosts.trl.manifest import (
    CONFIG_FIELDS,
    LOG_KEYS,
    SYMBOLS,
    TRAINER_ATTRIBUTES,
    TRL_BELOW,
    TRL_MINIMUM,
)

REMEDY = "run: pip install 'gd2po[trl]'"


def require_supported_trl() -> str:
    """The installed TRL's version.

    Raises:
        HostError: TRL is absent, outside the supported range, or has changed; with the remedy.
    """
    try:
        installed = version("trl")
    except PackageNotFoundError:
        raise HostError(f"TRL is not installed; {REMEDY}") from None
    if not Version(TRL_MINIMUM) <= Version(installed) < Version(TRL_BELOW):
        raise HostError(f"TRL {installed} is installed; this gd2po supports >={TRL_MINIMUM},<{TRL_BELOW}; {REMEDY}")
    if changes := list(changed_symbols()):
        raise HostError(f"TRL {installed} has changed: {'; '.join(changes)}. {REMEDY}, or a newer gd2po")
    return installed


def described_trl() -> str | None:
    """The installed TRL in words; None where none is installed.

    Raises:
        HostError: the installed TRL is not one that this package knows.
    """
    try:
        version("trl")
    except PackageNotFoundError:
        return None
    return f"{require_supported_trl()}; all {len(SYMBOLS)} symbols of TRL in use are as expected"


def changed_symbols() -> Iterator[str]:
    """What of :data:`gd2po.hosts.trl.manifest.SYMBOLS` is not as written, each with its purpose."""
    for row in SYMBOLS:
        try:
            find_symbol(importlib.import_module(row.symbol.partition(":")[0]), row.symbol, row.parameters)
        except HostError as change:
            yield f"{row} {change}; it is used to {row.what}"
    config: Any = importlib.import_module("trl").GRPOConfig
    for name in sorted(set(CONFIG_FIELDS) - {field.name for field in fields(config)}):
        yield f"trl.GRPOConfig has no field {name}"


def require_attributes(trainer: Any) -> None:
    """Check a trainer that TRL has made for the attributes that are read.

    Raises:
        HostError: an attribute, or a key of the completions table, is not there.
    """
    missing = [name for name in TRAINER_ATTRIBUTES if not hasattr(trainer, name)]
    missing += [f"_logs[{key!r}]" for key in LOG_KEYS if key not in getattr(trainer, "_logs", ())]
    if missing:
        raise HostError(f"TRL's trainer has no {', '.join(missing)}; {REMEDY}, or a newer gd2po")
