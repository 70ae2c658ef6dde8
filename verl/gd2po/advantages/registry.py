"""Names of the parts of a method (normalisers, estimators, filters and combinations), and what they stand for."""

import importlib.util
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import PlainValidator
from torch import Tensor

from gd2po.registry import ChosenMethod, Registry

Normaliser: TypeAlias = Callable[..., Tensor]
Estimator: TypeAlias = Callable[..., Any]
Filter: TypeAlias = Callable[..., Tensor]
Combination: TypeAlias = Callable[..., Tensor]

DEFAULT_NORMALISER = "group_std"
"""The normaliser where none is named."""

DEFAULT_FILTER = "hard"
"""The conflict filter of an estimator that has one, where none is named."""

DEFAULT_COMBINATION = "sum"
"""The combination of an estimator that has one, where none is named."""

KEEPS_SCALES = "keeps the scales of the rewards"
"""Trait of a normaliser after which rewards of different scales are not comparable."""

COMPARES_SIZES = "compares the sizes of votes"
"""Trait of a filter or combination that needs rewards of comparable scales."""

JUDGES_THE_SUM = "judges the sum of the votes"
"""Trait of a filter whose decision holds for the combination `sum` only."""

NEEDS_TORCHJD = "needs torchjd"
"""Trait of a combination whose weights torchjd computes."""

TORCHJD_MISSING = (
    "the combination {} computes its weights with torchjd, which is not installed: pip install 'gd2po[torchjd]', or "
    "set combine.kind: sum"
)

NORMALISERS: Registry[Normaliser] = Registry("normaliser")
ESTIMATORS: Registry[Estimator] = Registry("estimator")
FILTERS: Registry[Filter] = Registry("conflict filter")
COMBINATIONS: Registry[Combination] = Registry("combination")

register_normaliser = NORMALISERS.register
"""Decorator: `register_normaliser(name, options=None, traits=())` makes `normalise=name` call the function.

The function takes :class:`gd2po.advantages.GroupScores`, and the options object if it has options, and returns the
advantages [..., N] float64, finite; those of rollouts that are not scored are set to 0. A normaliser that does not
divide by a spread has the trait :data:`KEEPS_SCALES`.
"""

register_estimator = ESTIMATORS.register
"""Decorator: `register_estimator(name, options=None)` makes `estimator=name` call the function.

The function takes a :class:`gd2po.advantages.Batch`, and the options object if it has options, and returns a
:class:`gd2po.advantages.Estimate`.
"""

register_filter = FILTERS.register
"""Decorator: `register_filter(name, options=None, traits=())` makes `conflict_filter=name` call the function.

The function takes :class:`gd2po.advantages.Votes`, and the options object if it has options. It returns which rollouts
are kept [N] bool; or, to weigh rollouts instead of dropping them, the factors of their votes [N] float64 in [0, 1]. A
filter that compares sizes of votes has the trait :data:`COMPARES_SIZES`.
"""

register_combination = COMBINATIONS.register
"""Decorator: `register_combination(name, options=None, traits=())` makes `combine=name` call the function.

The function takes :class:`gd2po.advantages.Votes`, those that the filter left, and the options object if it has
options. It returns what each reward adds [K, N] float64, finite; their sum is the advantage before whitening. A
combination that compares sizes of votes has the trait :data:`COMPARES_SIZES`.
"""

normaliser_names = NORMALISERS.names
estimator_names = ESTIMATORS.names
filter_names = FILTERS.names
combination_names = COMBINATIONS.names


def normaliser(choice: Any) -> ChosenMethod[Normaliser]:
    """The normaliser of a name, or of a mapping of `kind` and options.

    Raises:
        SettingsError: the name is not known, or the normaliser does not read an option, or an option has a wrong value.
    """
    return NORMALISERS.choose(choice, DEFAULT_NORMALISER)


def conflict_filter(choice: Any) -> ChosenMethod[Filter]:
    """The conflict filter of a name, or of a mapping of `kind` and options.

    Raises:
        SettingsError: the name is not known, or the filter does not read an option, or an option has a wrong value.
    """
    return FILTERS.choose(choice, DEFAULT_FILTER)


def combination(choice: Any) -> ChosenMethod[Combination]:
    """The combination of a name, or of a mapping of `kind` and options.

    Raises:
        SettingsError: the name is not known, or the combination does not read an option, or an option has a wrong
            value.
    """
    return COMBINATIONS.choose(choice, DEFAULT_COMBINATION)


ConflictFilter = Annotated[ChosenMethod[Filter], PlainValidator(conflict_filter)]
"""The type of an estimator's option that chooses a conflict filter."""

CombinationOption = Annotated[ChosenMethod[Combination], PlainValidator(combination)]
"""The type of an estimator's option that chooses a combination."""


def keeps_scales(normaliser: ChosenMethod[Normaliser]) -> bool:
    """Whether rewards of different scales stay incomparable after a normaliser."""
    return KEEPS_SCALES in NORMALISERS.find(normaliser.kind).traits


def has_torchjd() -> bool:
    """Whether torchjd, and the solver that it needs, are installed."""
    return all(importlib.util.find_spec(name) for name in ("torchjd", "qpsolvers", "quadprog"))


def usable_combinations() -> tuple[str, ...]:
    """The names of the combinations of which everything that they need is installed, sorted."""
    return tuple(kind for kind in COMBINATIONS.names() if has_torchjd() or not _needs_torchjd(kind))


def _needs_torchjd(combination: str) -> bool:
    return NEEDS_TORCHJD in COMBINATIONS.find(combination).traits


def contradiction(normaliser: ChosenMethod[Normaliser], estimator: ChosenMethod[Estimator]) -> str | None:
    """Why a normaliser, a filter and a combination cannot run together, with a remedy; None where they can."""
    filtered_by: ChosenMethod[Filter] | None = getattr(estimator.options, "filter", None)
    combined_by: ChosenMethod[Combination] | None = getattr(estimator.options, "combine", None)
    if filtered_by and keeps_scales(normaliser) and COMPARES_SIZES in FILTERS.find(filtered_by.kind).traits:
        return _incomparable(f"the {filtered_by.kind} filter", normaliser.kind, "filter.kind: hard")
    if combined_by and keeps_scales(normaliser) and COMPARES_SIZES in COMBINATIONS.find(combined_by.kind).traits:
        return _incomparable(f"the combination {combined_by.kind}", normaliser.kind, "combine.kind: sum")
    summed = combined_by is None or combined_by.kind == DEFAULT_COMBINATION
    if filtered_by and not summed and JUDGES_THE_SUM in FILTERS.find(filtered_by.kind).traits:
        return f"the {filtered_by.kind} filter judges the sum of the votes; set combine.kind: sum, or another filter"
    if combined_by and _needs_torchjd(combined_by.kind) and not has_torchjd():
        return TORCHJD_MISSING.format(combined_by.kind)
    return None


def _incomparable(method: str, normaliser: str, remedy: str) -> str:
    return (
        f"{method} compares rewards in units of their standard deviation, but the normaliser {normaliser} leaves each "
        "reward its own scale, so the reward of largest scale would decide alone; set norm_by_std: true, another "
        f"normaliser, or {remedy}"
    )
