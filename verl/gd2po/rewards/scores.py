"""What counts as a score: a finite number, or "not scored"."""

import contextlib
import math
from numbers import Real
from typing import Any

from gd2po.errors import RewardError


def as_score(name: str, value: Any, sample: str) -> float:
    """A finite number, or NaN for None and NaN: "not scored".

    Raises:
        RewardError: The value is anything else; the message names reward, sample and value.
    """
    if value is None:
        return math.nan
    if type(value) is float and not math.isinf(value):
        return value
    with contextlib.suppress(AttributeError, ValueError, RuntimeError):  # numpy and torch scalars
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real) or math.isinf(value):
        raise RewardError(
            f"reward {name!r} of {sample}: found {value!r} ({type(value).__name__}); expected a finite number, "
            "or None/NaN where it was not scored. Mend the reward function."
        )
    return float(value)
