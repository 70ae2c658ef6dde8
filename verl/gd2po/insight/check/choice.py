"""What a user may say about files that do not speak for themselves, and the error for files that cannot be checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gd2po.defaults import Direction
from gd2po.errors import GD2POError

TAUS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The thresholds of the SNR filter that are tried where none is named."""


class CheckError(GD2POError, ValueError):
    """The files do not say which rollouts belong together, or have no scores to compare."""


@dataclass(frozen=True)
class Choice:
    """Columns and settings of a check; what is not said is found out from the files.

    Attributes:
        scores: The columns that are rewards; all that look like scores if empty.
        weights: Reward → weight; 1 where not named.
        directions: Reward → ``minimize`` for costs.
        group: The column whose equal values mark the rollouts of one prompt.
        source: The column with the data source.
        taus: The thresholds of the SNR filter to try, in [0, 1].
    """

    scores: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)
    group: str | None = None
    source: str | None = None
    taus: tuple[float, ...] = TAUS
