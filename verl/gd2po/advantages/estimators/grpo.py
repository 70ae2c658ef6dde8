"""GRPO: Group Relative Policy Optimization (arXiv 2402.03300)."""

from gd2po.advantages.batch import Batch
from gd2po.advantages.normalisation import normalise
from gd2po.advantages.options import Options
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.registry import register_estimator


@register_estimator("grpo")
def grpo(batch: Batch, options: Options) -> Estimate:
    """Sum the rewards, then normalise the sum within its group.

        r_i = Σ_k w_k d_k r_ik,    advantage_i = (r_i − mean_g) / (std_g + 1e-6)

    d_k is +1 for maximize, −1 for minimize. A missing score leaves its term out of the sum. No whitening, no filter.
    """
    total = ((batch.weights * batch.signs)[:, None] * batch.scores).sum(0)
    normalised = normalise(total, batch.present, batch.groups, norm_by_std=options.norm_by_std)
    return Estimate(normalised.advantages, kept=batch.present, query_weight=batch.present.to(total.dtype))
