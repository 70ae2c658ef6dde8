"""What a user may choose, checked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from gd2po.advantages.registry import estimator_names, filter_names, unknown_name
from gd2po.defaults import Missing, Reweight, Whiten
from gd2po.errors import SettingsError


@dataclass(frozen=True)
class Options:
    """The choices of :func:`gd2po.advantages.compute_advantages`, explained there; defaults are in `gd2po.defaults`.

    Raises:
        SettingsError: a name is unknown (the nearest is suggested), or the threshold is outside [0, 1].
    """

    estimator: str
    conflict_filter: str
    threshold: float
    norm_by_std: bool
    whiten: Whiten
    reweight: Reweight
    missing: Missing

    def __post_init__(self) -> None:
        choices: list[tuple[str, str, Iterable[str]]] = [
            ("estimator", self.estimator, estimator_names()),
            ("conflict_filter", self.conflict_filter, filter_names()),
            ("whiten", self.whiten, get_args(Whiten)),
            ("reweight", self.reweight, get_args(Reweight)),
            ("missing", self.missing, get_args(Missing)),
        ]
        for option, found, known in choices:
            if found not in known:
                raise unknown_name(option, found, known)
        if not (math.isfinite(self.threshold) and 0 <= self.threshold <= 1):
            raise SettingsError(f"threshold is {self.threshold}: expected 0 (drops nothing) to 1 (the hard filter)")
