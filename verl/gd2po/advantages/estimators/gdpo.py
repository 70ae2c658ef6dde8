"""GDPO: Group reward-Decoupled Normalization Policy Optimization (arXiv 2601.05242)."""

from dataclasses import dataclass

from gd2po.advantages.batch import Batch
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import register_estimator
from gd2po.advantages.whitening import whiten
from gd2po.defaults import WHITEN, Whiten


@dataclass(frozen=True)
class GdpoOptions:
    """The option of :func:`gdpo`.

    Attributes:
        whiten: The unit of the whitening: response tokens, rollouts, or no whitening.
    """

    whiten: Whiten = WHITEN


@register_estimator("gdpo", GdpoOptions)
def gdpo(batch: Batch, options: GdpoOptions) -> Estimate:
    """Normalise each reward within its group, then sum, then whiten over the batch.

        S_i = Σ_k w_k A_ik,    advantage_i = whiten(S)_i

    A reward with a small spread thus speaks as loudly as one with a large spread.
    """
    whitened = whiten(batch.votes.total, batch.present, batch, options.whiten)
    query_weight = batch.present.to(whitened.advantages.dtype)
    return Estimate(whitened.advantages, kept=batch.present, query_weight=query_weight, whitened=whitened)
