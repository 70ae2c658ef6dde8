"""Names of estimators and conflict filters, and what they stand for."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, MutableSequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from torch import Tensor

from gd2po.errors import SettingsError, nearest

if TYPE_CHECKING:
    from gd2po.advantages.batch import Batch
    from gd2po.advantages.options import Options
    from gd2po.advantages.outputs import Estimate
    from gd2po.advantages.votes import Votes

Estimator: TypeAlias = "Callable[[Batch, Options], Estimate]"
Filter: TypeAlias = "Callable[[Votes, float], Tensor]"
_Method = TypeVar("_Method", bound=Callable)

ESTIMATORS: dict[str, Estimator] = {}
FILTERS: dict[str, Filter] = {}


def register_estimator(name: str) -> Callable[[Estimator], Estimator]:
    """Decorator: make `estimator=name` call the function, `(batch, options) -> Estimate`.

    Raises:
        SettingsError: the name is taken.
    """
    return _registrar(ESTIMATORS, "estimator", name)


def register_filter(name: str) -> Callable[[Filter], Filter]:
    """Decorator: make `conflict_filter=name` call the function, `(votes, threshold) -> keep [N] bool`.

    Raises:
        SettingsError: the name is taken.
    """
    return _registrar(FILTERS, "conflict filter", name)


def estimator_names() -> tuple[str, ...]:
    """Names that `estimator=` understands, sorted."""
    return tuple(sorted(ESTIMATORS))


def filter_names() -> tuple[str, ...]:
    """Names that `conflict_filter=` understands, sorted."""
    return tuple(sorted(FILTERS))


def unknown_name(kind: str, found: object, known: Iterable[str]) -> SettingsError:
    """The error for a name nobody knows, with the nearest known one as a remedy."""
    return SettingsError(f"unknown {kind} {found!r}.{nearest(str(found), known)}")


def import_modules(package: str, path: MutableSequence[str]) -> None:
    """Import every module of a package, so that each registers what it holds and a new file needs no list."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def _registrar(registry: dict[str, _Method], kind: str, name: str) -> Callable[[_Method], _Method]:
    def register(method: _Method) -> _Method:
        if name in registry:
            owner = f"{registry[name].__module__}.{registry[name].__qualname__}"
            raise SettingsError(f"{kind} {name!r} is already registered, by {owner}: choose another name")
        registry[name] = method
        return method

    return register
