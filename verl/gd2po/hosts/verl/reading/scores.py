"""Read the named scores of a batch from verl's TransferQueue, and refuse values that are no scores."""

import contextlib
import functools
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from gd2po.errors import RewardError, nearest

logger = logging.getLogger(__name__)
logger.setLevel(os.getenv("VERL_LOGGING_LEVEL", "WARN"))

ERROR_KEY = "gd2po_error"
"""Key under which a reward worker sends the text of an error, which the trainer raises."""


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


def read_scores(infos: Sequence[Mapping[str, Any]], keys: Sequence[str], names: Iterable[str]) -> dict[str, Tensor]:
    """Read the named scores of S rollouts.

    Args:
        infos: [S] The results of the reward function (verl's ``reward_extra_info``).
        keys: [S] The TransferQueue keys, which name the rollouts in errors.
        names: The declared rewards.

    Returns:
        Name → [S] float64; NaN where a rollout was not scored: the value is None or NaN, or the name is absent from
        this rollout but not from all (a batch may mix tasks with different rewards).

    Raises:
        RewardError: A reward worker met an error, a value is no score, no rollout of the batch has one of the rewards,
            or a rollout has none of the declared rewards.
    """
    names = list(names)
    for info in infos:
        if info.get(ERROR_KEY):
            raise RewardError(info[ERROR_KEY])
    _check_returned(infos, names, "declared")
    _check_present(infos, keys, names)
    return _score_columns(infos, keys, names)


def read_watched(infos: Sequence[Mapping[str, Any]], keys: Sequence[str], names: Iterable[str]) -> dict[str, Tensor]:
    """Read the scores of S rollouts that are logged and never trained on, as :func:`read_scores` reads rewards.

    Raises:
        RewardError: A value is no score, or no rollout of the batch has one of the names.
    """
    names = list(names)
    _check_returned(infos, names, "watched")
    return _score_columns(infos, keys, names)


def _score_columns(infos: Sequence[Mapping[str, Any]], keys: Sequence[str], names: list[str]) -> dict[str, Tensor]:
    return {
        name: torch.tensor(
            [as_score(name, info.get(name), f"rollout {key}") for info, key in zip(infos, keys, strict=True)],
            dtype=torch.float64,
        )
        for name in names
    }


def _check_returned(infos: Sequence[Mapping[str, Any]], names: list[str], use: str) -> None:
    returned = sorted({str(name) for info in infos for name in info})
    for name in names:
        if infos and name not in returned:
            raise RewardError(
                f"reward {name!r} is {use}, but the reward function returned it for none of {len(infos)} rollouts "
                f"(it returned: {', '.join(returned) or 'nothing'}).{nearest(name, returned)} "
                f"Where it cannot be scored, return None for it.{_remedy(returned, names)}"
            )


def _check_present(infos: Sequence[Mapping[str, Any]], keys: Sequence[str], names: list[str]) -> None:
    for info, key in zip(infos, keys, strict=True):
        if not any(name in info for name in names):
            raise RewardError(
                f"rollout {key} has none of the declared rewards {', '.join(names)}; its reward function returned: "
                f"{', '.join(info) or 'nothing'}. Return at least one of them, or None for each.{_remedy(info, names)}"
            )


def _remedy(returned: Iterable[str], names: list[str]) -> str:
    """What to return in place of a number alone, which verl's reward managers name ``acc``."""
    if set(returned) != {"acc"}:
        return ""
    scores = ", ".join(f'"{name}": …' for name in names)
    return f" (A number alone is named acc by verl; return {{{scores}}} in its place.)"


def plain_column(column: Any) -> list[Any]:
    """A column of a fetched batch as Python objects; some TransferQueue back ends wrap each object."""
    from tensordict import NonTensorData

    return [value.data if isinstance(value, NonTensorData) else value for value in column]
