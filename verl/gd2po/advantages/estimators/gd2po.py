"""GD²PO: GDPO without the rollouts on which the rewards contradict each other (arXiv 2606.16771)."""

from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.advantages.options import Options
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import FILTERS, register_estimator
from gd2po.advantages.whitening import whiten


@register_estimator("gd2po")
def gd2po(batch: Batch, options: Options) -> Estimate:
    """Drop rollouts in conflict, scale each group by its kept share, then whiten over what is kept.

        S_i = Σ_k w_k A_ik,    B_i = q_g(i) · S_i · keep_i,    advantage_i = whiten(B over kept)_i · keep_i

    The order matters: a factor common to all groups is undone by the whitening, so only relative q survives.
    """
    kept = FILTERS[options.conflict_filter](batch.votes, options.threshold) & batch.present
    weight = batch.present.double() if options.reweight == "none" else keep_ratio(kept, batch)
    whitened = whiten(weight * batch.votes.total, kept, batch, options.whiten)
    return Estimate(whitened.advantages, kept=kept, query_weight=weight, whitened=whitened)


def keep_ratio(kept: Tensor, batch: Batch) -> Tensor:
    """q_g = kept rollouts / scored rollouts of the group, per rollout [N]; 0 for rollouts without a score."""
    ratio = batch.groups.sum(kept) / batch.groups.sum(batch.present).clamp(min=1)
    return batch.groups.to_rollouts(ratio) * batch.present
