"""Gates between rewards: an easier reward counts only where a harder one has been earned."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gd2po.errors import SettingsError, nearest


def apply_gates(scores: Mapping[str, Tensor], gates: Mapping[str, Mapping[str, float]]) -> dict[str, Tensor]:
    """Condition rewards on others: the conditioned reward of the GDPO paper, equation 8.

    ``gates[name][required] = threshold`` keeps ``scores[name]`` where ``scores[required] >= threshold`` and makes it
    exactly 0 elsewhere; several requirements must all hold. Thresholds are compared with the scores as given, before
    any gate, so gates do not chain and their order is irrelevant. NaN means "not scored": a gated reward stays NaN, and
    becomes NaN where a required reward is.

    Args:
        scores: reward name → scores ``[N]``, floating point.
        gates: reward name → its requirements; names absent here pass unchanged.

    Raises:
        SettingsError: a gate names a reward that is not in ``scores``.
    """
    result = dict(scores)
    for name, requirements in gates.items():
        gated = _score(scores, name)
        for required, threshold in requirements.items():
            other = _score(scores, required)
            gated = torch.where((other >= threshold) | gated.isnan(), gated, 0.0)
            gated = torch.where(other.isnan(), torch.nan, gated)
        result[name] = gated
    return result


def _score(scores: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in scores:
        raise SettingsError(f"a gate names the reward {name!r}, which has no scores.{nearest(name, scores)}")
    return scores[name]
