"""Names of estimators and conflict filters, and what they stand for."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import PlainValidator
from torch import Tensor

from gd2po.registry import ChosenMethod, Registry

Estimator: TypeAlias = Callable[..., Any]
Filter: TypeAlias = Callable[..., Tensor]

DEFAULT_FILTER = "hard"
"""The conflict filter of an estimator that has one, where none is named."""

ESTIMATORS: Registry[Estimator] = Registry("estimator")
FILTERS: Registry[Filter] = Registry("conflict filter")

register_estimator = ESTIMATORS.register
"""Decorator: `register_estimator(name, options=None)` makes `estimator=name` call the function.

The function takes a :class:`gd2po.advantages.Batch`, and the options object if it has options, and returns a
:class:`gd2po.advantages.Estimate`.
"""

register_filter = FILTERS.register
"""Decorator: `register_filter(name, options=None)` makes `conflict_filter=name` call the function.

The function takes :class:`gd2po.advantages.Votes`, and the options object if it has options, and returns which rollouts
are kept [N] bool.
"""

estimator_names = ESTIMATORS.names
filter_names = FILTERS.names


def conflict_filter(choice: Any) -> ChosenMethod[Filter]:
    """The conflict filter of a name, or of a mapping of `kind` and options.

    Raises:
        SettingsError: the name is not known, or the filter does not read an option, or an option has a wrong value.
    """
    return FILTERS.choose(choice, DEFAULT_FILTER)


ConflictFilter = Annotated[ChosenMethod[Filter], PlainValidator(conflict_filter)]
"""The type of an estimator's option that chooses a conflict filter."""
