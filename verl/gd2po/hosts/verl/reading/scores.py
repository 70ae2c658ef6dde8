"""Read the named scores of a batch from verl's TransferQueue, and refuse values that are no scores."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gd2po.errors import RewardError, nearest
from gd2po.rewards.scores import as_score

ERROR_KEY = "gd2po_error"
"""Key under which a reward worker sends the text of an error, which the trainer raises."""


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
