"""Advantages for several rewards: GRPO, GDPO and GD²PO, in pure torch.

Notation: `K` rewards, `N` rollouts, `T` tokens, `G` groups. A *group* is the rollouts of one prompt, a *score* what one
reward gives to one rollout, an *advantage* a score relative to its group. All arithmetic is float64 on [K, N]; the only
passes over [N, T] are one sum of the response mask and one product at the end.

The way of one batch, one module each::

    checks         scores, ids and mask come in; nonsense is refused by name
    normalisation  scores relative to their groups: r_ik − mean_g; ties and groups of one give exactly 0
    normalisers/   advantages A_ik: scores in units of a spread, (r_ik − mean_g) / (std_g + 1e-6) if not said otherwise
    votes          w_k A_ik: their sum, their conflict, their signal-to-noise ratio
    filters/       which rollouts a conflict costs, or how much: none, hard, snr, share, soft, guard
    combinations/  how votes become one advantage: sum, softmin, dvao, upgrad and its kin
    estimators/    grpo, gdpo, gd2po: one advantage per rollout
    whitening      zero mean, unit variance over the kept tokens or rollouts
    gains          what the update does to each reward, to first order
    metrics        what happened, under the same names for every estimator

Example: the two rewards agree about the first two rollouts and disagree about the others, so only those two are kept.

>>> import torch
>>> from gd2po.advantages import compute_advantages
>>> out = compute_advantages(
...     scores={"correct": torch.tensor([1.0, 0.0, 1.0, 0.0]), "short": torch.tensor([0.9, 0.1, 0.2, 0.8])},
...     group_ids=["q", "q", "q", "q"],
...     response_mask=torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1]]),
... )
>>> out.kept.tolist()
[True, True, False, False]
>>> out.query_weight.tolist()
[0.5, 0.5, 0.5, 0.5]
>>> [[round(token, 3) for token in row] for row in out.advantages.tolist()]
[[0.577, 0.577, 0.0], [-1.155, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

A new method is one new file in `normalisers/`, `filters/`, `combinations/` or `estimators/`, with its options; from
outside, :func:`register_normaliser`, :func:`register_filter`, :func:`register_combination` and
:func:`register_estimator` do the same.
"""

from gd2po.advantages.batch import Batch
from gd2po.advantages.compute import compute_advantages, compute_rollout_advantages
from gd2po.advantages.gains import gains
from gd2po.advantages.normalisation import GroupScores
from gd2po.advantages.outputs import AdvantageOutput, Estimate, RolloutAdvantages
from gd2po.advantages.registry import (
    COMPARES_SIZES,
    KEEPS_SCALES,
    combination_names,
    estimator_names,
    filter_names,
    normaliser_names,
    register_combination,
    register_estimator,
    register_filter,
    register_normaliser,
)
from gd2po.advantages.votes import Votes

__all__ = [
    "COMPARES_SIZES",
    "KEEPS_SCALES",
    "AdvantageOutput",
    "Batch",
    "Estimate",
    "GroupScores",
    "RolloutAdvantages",
    "Votes",
    "combination_names",
    "compute_advantages",
    "compute_rollout_advantages",
    "estimator_names",
    "filter_names",
    "gains",
    "normaliser_names",
    "register_combination",
    "register_estimator",
    "register_filter",
    "register_normaliser",
]
