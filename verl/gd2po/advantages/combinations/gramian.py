"""Combinations that weigh whole rewards by how their votes agree over the batch, through torchjd's weightings."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gd2po.advantages.registry import NEEDS_TORCHJD, TORCHJD_MISSING, register_combination
from gd2po.advantages.votes import Votes
from gd2po.errors import SettingsError

_WEIGHTINGS: dict[str, Callable[[Any, Tensor], Any]] = {
    "upgrad": lambda weightings, ones: weightings.UPGradWeighting(pref_vector=ones),
    "dualproj": lambda weightings, ones: weightings.DualProjWeighting(pref_vector=ones),
    "aligned_mtl": lambda weightings, ones: weightings.AlignedMTLWeighting(pref_vector=ones),
    "mgda": lambda weightings, ones: weightings.MGDAWeighting(),
}
"""Combination → torchjd's weighting of that name, from its module and a vector of ones.

Left out: PCGrad, which draws random numbers; IMTL-G, which divides by what may vanish; CAGrad and Nash-MTL, which need
another solver; weightings with a state.
"""


def weigh_by_gramian(votes: Votes, kind: str) -> Tensor:
    """What each reward adds [K, N]: its votes, times one weight for the batch.

        a = Σ_k λ_k v_k,    λ = weighting of V Vᵀ [K, K],    V the votes v_k = w_k A_k [K, N]

    In gradient space these methods take the gradients of K losses; here the votes stand for them, which is exact where
    the gradients of the rollouts are orthogonal and equally long. `upgrad` (arXiv 2406.16232) projects each v_k onto
    the cone of directions that push no reward down, and adds; `dualproj` (GEM, arXiv 1706.08840) projects their sum;
    both are the sum, but for the regularisation, where no pair of rewards opposes the other over the batch. `mgda`
    (arXiv 1810.04650) is the shortest convex combination, and `aligned_mtl` (arXiv 2305.19000) makes the votes
    orthogonal and equally long. torchjd's numbers are taken as they are; it regularises the Gramian by 1e-4 of its
    size. Its code was read, the papers were not.

    Rewards without any vote are left out before, so that a constant reward does not hold the others; one reward alone
    has weight 1.

    Raises:
        SettingsError: torchjd, or the solver that it needs, is not installed.
    """
    voting = (votes.weighted != 0).any(1)
    active = votes.weighted[voting]
    weights = torch.zeros_like(votes.weights)
    weights[voting] = _weights(active, kind) if len(active) > 1 else 1.0
    return weights[:, None] * votes.weighted


def _weights(active: Tensor, kind: str) -> Tensor:
    """Weights [K] of votes [K, N] of which no row is all zeros; computed on the CPU."""
    try:
        from torchjd import aggregation

        weighting = _WEIGHTINGS[kind](aggregation, torch.ones(len(active), dtype=torch.float64))
    except ImportError as error:
        raise SettingsError(TORCHJD_MISSING.format(kind)) from error
    gramian = (active @ active.T).cpu()
    return weighting(gramian / gramian.diagonal().max()).to(active)


def _register(kind: str) -> None:
    def combination(votes: Votes) -> Tensor:
        return weigh_by_gramian(votes, kind)

    combination.__name__ = combination.__qualname__ = kind
    combination.__doc__ = f"The weighting {kind}: see :func:`weigh_by_gramian`."
    register_combination(kind, traits={NEEDS_TORCHJD})(combination)


for _kind in _WEIGHTINGS:
    _register(_kind)
