"""GD²PO: GDPO without the rollouts on which the rewards contradict each other (arXiv 2606.16771)."""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.advantages.checks import kept_rows
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import DEFAULT_FILTER, ConflictFilter, conflict_filter, register_estimator
from gd2po.advantages.whitening import whiten
from gd2po.defaults import WHITEN, Whiten


@dataclass(frozen=True)
class Gd2poOptions:
    """The options of :func:`gd2po`.

    Attributes:
        filter: The conflict filter, which says which rollouts are kept.
        reweight: The weight of a query: `keep_ratio` is the kept share of its rollouts, `none` is 1.
        whiten: The unit of the whitening: response tokens, rollouts, or no whitening.
    """

    filter: ConflictFilter = field(default_factory=lambda: conflict_filter(DEFAULT_FILTER))
    reweight: Literal["keep_ratio", "none"] = "keep_ratio"
    whiten: Whiten = WHITEN


@register_estimator("gd2po", Gd2poOptions)
def gd2po(batch: Batch, options: Gd2poOptions) -> Estimate:
    """Drop rollouts in conflict, scale each group by its kept share, then whiten over what is kept.

        S_i = Σ_k w_k A_ik,    B_i = q_g(i) · S_i · keep_i,    advantage_i = whiten(B over kept)_i · keep_i

    The order matters: a factor common to all groups is undone by the whitening, so only relative q survives.
    """
    kept = kept_rows(options.filter(batch.votes), options.filter.kind, batch.present) & batch.present
    weight = batch.present.double() if options.reweight == "none" else keep_ratio(kept, batch)
    whitened = whiten(weight * batch.votes.total, kept, batch, options.whiten)
    unfiltered = whiten(batch.votes.total, batch.present, batch, options.whiten).advantages
    return Estimate(whitened.advantages, kept=kept, query_weight=weight, whitened=whitened, unfiltered=unfiltered)


def keep_ratio(kept: Tensor, batch: Batch) -> Tensor:
    """q_g = kept rollouts / scored rollouts of the group, per rollout [N]; 0 for rollouts without a score."""
    ratio = batch.groups.sum(kept) / batch.groups.sum(batch.present).clamp(min=1)
    return batch.groups.to_rollouts(ratio) * batch.present
