"""GDPO: Group reward-Decoupled Normalization Policy Optimization (arXiv 2601.05242)."""

from gd2po.advantages.batch import Batch
from gd2po.advantages.options import Options
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import register_estimator
from gd2po.advantages.whitening import whiten


@register_estimator("gdpo")
def gdpo(batch: Batch, options: Options) -> Estimate:
    """Normalise each reward within its group, then sum, then whiten over the batch.

        S_i = Σ_k w_k A_ik,    advantage_i = whiten(S)_i

    A reward with a small spread thus speaks as loudly as one with a large spread.
    """
    whitened = whiten(batch.votes.total, batch.present, batch, options.whiten)
    query_weight = batch.present.to(whitened.advantages.dtype)
    return Estimate(whitened.advantages, kept=batch.present, query_weight=query_weight, whitened=whitened)
