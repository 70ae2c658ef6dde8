"""GD²PO: GDPO without the rollouts on which the rewards contradict each other (arXiv 2606.16771)."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.advantages.checks import filter_factors, finite_values
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import (
    DEFAULT_COMBINATION,
    DEFAULT_FILTER,
    CombinationOption,
    ConflictFilter,
    combination,
    conflict_filter,
    register_estimator,
)
from gd2po.advantages.whitening import whiten
from gd2po.defaults import WHITEN, Whiten


@dataclass(frozen=True)
class Gd2poOptions:
    """The options of :func:`gd2po`.

    Attributes:
        filter: The conflict filter, which says which rollouts are kept, or how much their votes count.
        combine: The combination, which makes one advantage of the votes that the filter left.
        reweight: The weight of a query: `keep_ratio` is the kept share of its rollouts, `none` is 1.
        whiten: The unit of the whitening: response tokens, rollouts, or no whitening.
    """

    filter: ConflictFilter = field(default_factory=lambda: conflict_filter(DEFAULT_FILTER))
    combine: CombinationOption = field(default_factory=lambda: combination(DEFAULT_COMBINATION))
    reweight: Literal["keep_ratio", "none"] = "keep_ratio"
    whiten: Whiten = WHITEN


@register_estimator("gd2po", Gd2poOptions)
def gd2po(batch: Batch, options: Gd2poOptions) -> Estimate:
    """Drop rollouts in conflict, scale each group by its kept share, then whiten over what is kept.

        S_i = Σ_k w_k A_ik,    B_i = q_g(i) · S_i · keep_i,    advantage_i = whiten(B over kept)_i · keep_i

    The order matters: a factor common to all groups is undone by the whitening, so only relative q survives. A filter
    that weighs rollouts gives keep_i in [0, 1]; all rollouts then stay in the whitening. Another combination than `sum`
    takes the place of S; it sees the votes that the filter left.
    """
    factors = filter_factors(options.filter(batch.votes), options.filter.kind, batch.present)
    kept = factors & batch.present if factors.dtype == torch.bool else batch.present
    factors = factors * batch.present.double()
    votes = batch.votes if bool(factors[batch.present].eq(1).all()) else batch.votes.times(factors)
    terms = finite_values(options.combine(votes), f"combination {options.combine.kind!r}", votes.weighted)
    weight = batch.present.double() if options.reweight == "none" else keep_ratio(factors, batch)
    whitened = whiten(weight * terms.sum(0), kept, batch, options.whiten)
    unfiltered = whiten(options.combine(batch.votes).sum(0), batch.present, batch, options.whiten).advantages
    return Estimate(whitened.advantages, kept, weight, whitened, weight * terms * kept, unfiltered)


def keep_ratio(factors: Tensor, batch: Batch) -> Tensor:
    """q_g = kept rollouts / scored rollouts of the group, per rollout [N]; 0 for rollouts without a score.

    Args:
        factors: 1 for kept rollouts and 0 for dropped ones [N], or how much their votes count.
        batch: The rollouts and their groups.
    """
    ratio = batch.groups.sum(factors) / batch.groups.sum(batch.present).clamp(min=1)
    return batch.groups.to_rollouts(ratio) * batch.present
