"""How the scoring itself went: said with every rollout, logged as means over a batch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gd2po.rewards.models.contract import Scored

_PREFIX = "reward_model"
_WHAT = ("failed", "cut", "attempts", "seconds")


def service_info(name: str, result: Scored) -> dict[str, float]:
    """``reward_model/<name>/<what>`` of one rollout; the same keys for each, since verl reads them off the first."""
    values = (result.failure is not None, result.cut > 0, result.attempts, result.seconds)
    return {f"{_PREFIX}/{name}/{what}": float(value) for what, value in zip(_WHAT, values, strict=True)}


def service_metrics(infos: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over S rollouts: shares that failed or were cut, requests and seconds a rollout took."""
    keys = [key for key in (infos[0] if infos else ()) if key.startswith(f"{_PREFIX}/")]
    return {key: math.fsum(float(info[key]) for info in infos) / len(infos) for key in keys}
