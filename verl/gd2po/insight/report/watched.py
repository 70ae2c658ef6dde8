"""Watched scores beside the rewards: flagged where a reward rises while a score that nothing trains on does not."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gd2po.insight.report import panels
from gd2po.insight.report.curves import Quantity, metric, part_of
from gd2po.insight.report.series import Series

STEPS_AT_LEAST = 8
"""The number of steps of a series from which on its quarters are compared."""

STANDARD_ERRORS = 2.0
"""The number of standard errors by which the last quarter must exceed the first to be a rise."""


class Change(NamedTuple):
    """The means of a quantity over the first and the last quarter of the steps, and the error of their difference."""

    first: float
    last: float
    error: float

    @property
    def rises(self) -> bool:
        """Whether the last quarter is above the first, beyond the noise of the steps."""
        return self.last - self.first > STANDARD_ERRORS * self.error

    def __str__(self) -> str:
        return f"{self.first:.3g} to {self.last:.3g}"


def watched_notes(member: Series) -> Iterator[str]:
    """A sentence for each watched score of a series that does not rise while a reward does."""
    rising = list(_rising_rewards(member))
    for name in panels.watched_names([member]):
        change = _change(member, metric(f"watch/{name}/mean"))
        if rising and change and not change.rises:
            yield (
                f"{member.label}: {', '.join(rising)} got better from the first to the last quarter of the steps while "
                f"the watched {name} did not rise ({change}); look at the responses before you trust the rewards"
            )


def _rising_rewards(member: Series) -> Iterator[str]:
    """Such as ``useful (0.1 to 0.8)``, for rewards that get better; a cost gets better where it falls."""
    description = member.runs[0].description
    for name, reward in description.settings.get("rewards", {}).items():
        sign = np.sign(description.weights[name]) * (-1 if reward.get("direction") == "minimize" else 1)
        change = _change(member, metric(f"reward/{name}/mean"))
        if change and sign and Change(sign * change.first, sign * change.last, change.error).rises:
            yield f"{name} ({change})"


def _change(member: Series, quantity: Quantity) -> Change | None:
    """Of all runs of a series; None with too few steps."""
    runs = [run for run in member.runs if run.last_step >= STEPS_AT_LEAST]
    ends = ((0.0, 0.25), (0.75, math.inf))
    quarters = [[value for run in runs for value in part_of(run, quantity, *quarter)] for quarter in ends]
    if min(map(len, quarters)) < STEPS_AT_LEAST // 4:
        return None
    variance = sum(np.var(quarter, ddof=1) / len(quarter) for quarter in quarters)
    return Change(float(np.mean(quarters[0])), float(np.mean(quarters[1])), float(np.sqrt(variance)))
