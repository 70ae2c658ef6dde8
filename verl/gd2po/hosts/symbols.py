"""Rows of the manifests of hosts: which symbol of a host is used, what for and why, and whether it is as expected."""

import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from gd2po.errors import HostError

Parameters = str | None
"""The names of a symbol's parameters in order, a last "*" for any more; None where it is no function."""


@dataclass(frozen=True, kw_only=True)
class HostSymbol:
    """A symbol of a host that gd2po wraps, overrides or reads.

    Attributes:
        symbol: The symbol as ``module:attribute``.
        parameters: The parameters of the symbol.
        what: The use that is made of it.
        why: The reason why there is no other way.
    """

    symbol: str
    parameters: Parameters
    what: str
    why: str

    def __str__(self) -> str:
        return self.symbol.replace(":", ".")


def find_symbol(module: ModuleType, symbol: str, parameters: Parameters) -> Any:
    """A symbol, once it is as expected.

    Args:
        module: The module of the symbol, imported.
        symbol: The symbol as ``module:attribute``.
        parameters: The parameters that it must have.

    Raises:
        HostError: the symbol is not there, or has other parameters; the text goes on after the symbol's name.
    """
    value: Any = module
    for part in symbol.partition(":")[2].split("."):
        value = getattr(value, part, None)
        if value is None:
            raise HostError("is not there")
    if parameters is not None:
        present, expected = tuple(inspect.signature(value).parameters), tuple(parameters.split())
        if expected[-1:] == ("*",):
            expected = expected[:-1]
            present = present[: len(expected)]
        if present != expected:
            raise HostError(f"has the parameters {present}, expected {expected}")
    return value
