"""GDPO: Group reward-Decoupled Normalization Policy Optimization (arXiv 2601.05242)."""

from dataclasses import dataclass, field

from gd2po.advantages.batch import Batch
from gd2po.advantages.checks import finite_values
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import DEFAULT_COMBINATION, CombinationOption, combination, register_estimator
from gd2po.advantages.whitening import whiten
from gd2po.defaults import WHITEN, Whiten


@dataclass(frozen=True)
class GdpoOptions:
    """The options of :func:`gdpo`.

    Attributes:
        combine: The combination, which makes one advantage of the votes.
        whiten: The unit of the whitening: response tokens, rollouts, or no whitening.
    """

    combine: CombinationOption = field(default_factory=lambda: combination(DEFAULT_COMBINATION))
    whiten: Whiten = WHITEN


@register_estimator("gdpo", GdpoOptions)
def gdpo(batch: Batch, options: GdpoOptions) -> Estimate:
    """Normalise each reward within its group, then combine, then whiten over the batch.

        S_i = Σ_k w_k A_ik,    advantage_i = whiten(S)_i

    A reward with a small spread thus speaks as loudly as one with a large spread. Another combination than `sum` takes
    the place of S.
    """
    votes = batch.votes
    terms = finite_values(options.combine(votes), f"combination {options.combine.kind!r}", votes.weighted)
    whitened = whiten(terms.sum(0), batch.present, batch, options.whiten)
    query_weight = batch.present.to(whitened.advantages.dtype)
    return Estimate(whitened.advantages, batch.present, query_weight, whitened, terms)
