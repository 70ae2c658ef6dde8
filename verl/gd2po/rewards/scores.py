"""What counts as a score: a finite number, or "not scored"."""

import contextlib
import functools
import logging
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from gd2po.errors import RewardError

logger = logging.getLogger(__name__)

RESPONSE_TOKENS = "response_tokens"
"""The key of ``extra_info`` under which a host tells a reward function how many tokens were generated."""


def row_in_words(extra_info: Mapping[str, Any]) -> str:
    """The row of a data set in an error message, by what its ``extra_info`` says: ``train row 5``."""
    return f"{extra_info.get('split', 'unknown split')} row {extra_info.get('index', 'of unknown index')}"


def as_score(name: str, value: Any, sample: str) -> float:
    """A finite number, or NaN for None and NaN: "not scored". True is 1 and False is 0, which is said once in the log.

    Raises:
        RewardError: The value is anything else; the message names reward, sample and value.
    """
    if value is None:
        return math.nan
    if type(value) is float and not math.isinf(value):
        return value
    number = to_number(value)
    if number is None or math.isinf(number):
        raise RewardError(
            f"reward {name!r} of {sample}: found {shown(value)} ({type(value).__name__}); expected a finite number, "
            "or None/NaN where it was not scored. Mend the reward function."
        )
    return number


def to_number(value: Any) -> float | None:
    """A number of any library as a float, infinite where it is too large; None where the value is no number."""
    try:
        with contextlib.suppress(AttributeError, ValueError, RuntimeError):  # numpy and torch scalars
            value = value.item()
        if isinstance(value, bool):
            _say_booleans_count()
        return float(value) if isinstance(value, Real) else None
    except OverflowError:
        return math.inf
    except Exception:  # whatever an object of the user raises when it is converted
        return None


@functools.cache
def _say_booleans_count() -> None:
    logger.warning("a reward function returns booleans as scores: True counts as 1, False as 0")


def shown(value: object, length: int = 200) -> str:
    """A value of the user in an error message: cut where it is long, and told by its type where it cannot be shown."""
    try:
        text = repr(value)
    except Exception:  # a number of many digits, or whatever an object of the user raises
        return f"a value of type {type(value).__name__} that cannot be shown"
    return text if len(text) <= length else f"{text[:length]}…"
