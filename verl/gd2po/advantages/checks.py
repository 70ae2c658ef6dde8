"""The door: each input is checked once, and refused with its name, what was found, what was expected and a remedy."""

import math
from collections.abc import Collection, Mapping
from numbers import Real
from typing import get_args

import torch
from torch import Tensor

from gd2po.defaults import DIRECTION, WEIGHT, Direction, Missing
from gd2po.errors import RewardError, SettingsError, unknown_name

_LARGEST = torch.finfo(torch.float32).max


def mask_lengths(response_mask: Tensor) -> Tensor:
    """Response length of each row [N] of a mask [N, T] of 0 and 1, whatever its dtype, without a copy of it."""
    if response_mask.dim() != 2:
        raise ValueError(f"response_mask has shape {tuple(response_mask.shape)}: expected [N, T], rollouts by tokens")
    if response_mask.dtype == torch.bool:
        return response_mask.sum(-1, dtype=torch.int32)
    fractional = response_mask.is_floating_point()
    lengths = response_mask.sum(-1, dtype=torch.float32 if fractional else torch.int64)
    if response_mask.numel():
        low, high = torch.aminmax(response_mask)
        # Fractions within [0, 1] sum to the number of non-zero entries only if each is 0 or 1.
        whole = not fractional or lengths.sum(dtype=torch.float64) == torch.count_nonzero(response_mask)
        if not (low >= 0 and high <= 1 and whole):
            raise ValueError(
                f"response_mask has values in [{low}, {high}]: expected 0 and 1 only, 1 for response tokens"
            )
    return lengths


def token_counts(lengths: Tensor) -> Tensor:
    """Lengths [N] as float64."""
    if lengths.dim() != 1:
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}: expected [N], response tokens per rollout")
    counts = lengths.to(torch.float64)
    wrong = ~counts.isfinite() | (counts < 0) | (counts != counts.round())
    if wrong.any():
        row = _first(wrong)
        raise ValueError(f"lengths: row {row} is {lengths[row].item()}; expected a whole number of tokens, 0 or more")
    return counts


def valid_rows(valid: Tensor | None, rollouts: int, device: torch.device) -> Tensor:
    """`valid` [N] bool, all True if not given."""
    if valid is None:
        return torch.ones(rollouts, dtype=torch.bool, device=device)
    if valid.dtype != torch.bool or valid.shape != (rollouts,):
        raise ValueError(
            f"valid is {valid.dtype} of shape {tuple(valid.shape)}: expected torch.bool [{rollouts}], "
            "False for padding rows"
        )
    return valid.to(device)


def score_matrix(scores: Mapping[str, Tensor], valid: Tensor, missing: Missing) -> tuple[Tensor, Tensor]:
    """Scores [K, N] float64, 0 where not scored, and where they exist [K, N] bool."""
    if not scores:
        raise RewardError("scores has no rewards: expected at least one name with a tensor [N]")
    values = torch.stack([_score_row(name, row, valid) for name, row in scores.items()])
    absent = values.isnan() & valid
    if missing == "error" and absent.any():
        reward = _first(absent.any(1))
        row, count = _first(absent[reward]), int(absent[reward].sum())
        raise RewardError(
            f"reward {list(scores)[reward]!r}: {count} rollouts have no score (NaN), the first is row {row}; "
            "expected a score in every row: fix the reward, or use missing='drop' to drop those votes"
        )
    scored = valid & ~absent
    return torch.where(scored, values, 0.0), scored


def weights(given: Mapping[str, float] | None, rewards: Collection[str]) -> list[float]:
    """One finite weight per reward, in the order of the rewards."""
    if given is None:
        return [WEIGHT] * len(rewards)
    _refuse_unknown("reward_weights", given, rewards)
    for name in rewards:
        if name not in given:
            raise SettingsError(f"reward_weights has no weight for reward {name!r}: name every reward, 0 for no vote")
        if isinstance(given[name], bool) or not isinstance(given[name], Real) or not math.isfinite(given[name]):
            raise SettingsError(f"reward_weights: reward {name!r} has weight {given[name]!r}; expected a finite number")
    values = [float(given[name]) for name in rewards]
    if not any(values):
        raise SettingsError("reward_weights are all 0: expected at least one reward with a vote")
    return values


def signs(given: Mapping[str, Direction] | None, rewards: Collection[str]) -> list[float]:
    """+1 or −1 per reward, in the order of the rewards."""
    directions = given or {}
    _refuse_unknown("directions", directions, rewards)
    for name, direction in directions.items():
        if direction not in get_args(Direction):
            raise unknown_name(f"direction of reward {name!r}", direction, get_args(Direction))
    return [1.0 if directions.get(name, DIRECTION) == "maximize" else -1.0 for name in rewards]


def one_of(argument: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices of an argument."""
    if value not in choices:
        raise unknown_name(argument, value, choices)


def filter_factors(returned: object, name: str, like: Tensor) -> Tensor:
    """What a conflict filter returned, if it is one flag, or one factor in [0, 1], per rollout like `like` [N]."""
    if isinstance(returned, Tensor) and returned.dtype == torch.bool and returned.shape == like.shape:
        return returned
    if isinstance(returned, Tensor) and _like(returned, like) and ((returned >= 0) & (returned <= 1)).all():
        return returned
    raise ValueError(
        f"conflict filter {name!r} returned {_described(returned)}: expected torch.bool [{len(like)}], True for "
        "rollouts to keep, or torch.float64 of that shape with factors in [0, 1]"
    )


def finite_values(returned: object, method: str, like: Tensor) -> Tensor:
    """What a normaliser or a combination returned, if it is one finite float64 per entry of `like` [..., N]."""
    if isinstance(returned, Tensor) and _like(returned, like) and returned.isfinite().all():
        return returned
    raise ValueError(
        f"{method} returned {_described(returned)}: expected torch.float64 {list(like.shape)}, finite throughout"
    )


def _like(returned: Tensor, like: Tensor) -> bool:
    return returned.dtype == torch.float64 and returned.shape == like.shape


def _described(returned: object) -> str:
    if not isinstance(returned, Tensor):
        return type(returned).__name__
    values = (
        f" with values in [{returned.min()}, {returned.max()}]"
        if returned.is_floating_point() and returned.numel()
        else ""
    )
    return f"{returned.dtype} of shape {tuple(returned.shape)}{values}"


def _score_row(name: str, row: Tensor, valid: Tensor) -> Tensor:
    if not isinstance(row, Tensor):
        raise RewardError(f"reward {name!r} is a {type(row).__name__}: expected a tensor [N], NaN for 'not scored'")
    if row.shape != valid.shape:
        raise RewardError(f"reward {name!r} has shape {tuple(row.shape)}: expected [{len(valid)}], a score per rollout")
    if row.dtype == torch.bool or row.is_complex():
        raise RewardError(f"reward {name!r} has dtype {row.dtype}: expected numbers; use .float() if they are scores")
    values = row.detach().to(valid.device, torch.float64)
    infinite = (values.abs() > _LARGEST) & valid
    if infinite.any():
        at = _first(infinite)
        raise RewardError(
            f"reward {name!r}: row {at} is {values[at].item()}; "
            "expected a finite float32 value: repair the reward, or return NaN for 'not scored'"
        )
    return values


def _refuse_unknown(argument: str, given: Mapping[str, object], rewards: Collection[str]) -> None:
    for name in given:
        if name not in rewards:
            raise unknown_name(f"reward in {argument}", name, rewards)


def _first(flags: Tensor) -> int:
    return int(flags.nonzero()[0])
