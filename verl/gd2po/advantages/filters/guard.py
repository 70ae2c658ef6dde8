"""Mask only where the sum of the votes pushes a reward down, and only as far as it costs nothing that shows."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gd2po.advantages.filters.share import agreement
from gd2po.advantages.gains import gains
from gd2po.advantages.registry import COMPARES_SIZES, JUDGES_THE_SUM, register_filter
from gd2po.advantages.votes import SIGN_EPS, Votes


@dataclass(frozen=True)
class GuardOptions:
    """The options of :func:`guard`.

    Attributes:
        min_kept: The smallest share of the scored rollouts that is kept in every group, and so in the batch, in [0, 1].
        confidence: The one-sided confidence with which a gain must be negative before anything is dropped, and with
            which the loss of summed gain must not show, in [0.5, 1).
    """

    min_kept: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95


@register_filter("guard", GuardOptions, traits={COMPARES_SIZES, JUDGES_THE_SUM})
def guard(votes: Votes, options: GuardOptions) -> Tensor:
    """Keep rollouts [N]: all, unless the sum of the votes pushes a reward down and a mask mends that for nothing.

    With v_k = w_k A_k, S = Σ_k v_k and n scored rollouts, a mask m has the gains and the summed gain

        c_k(m) = ⟨v_k, m S⟩ / (√n ‖m S‖)        C(m) = Σ_k c_k(m) = ‖m S‖ / √n

    Candidates m_t drop the rollouts in conflict with SNR_i ≤ t, except that ⌈min_kept · n_g⌉ rollouts of each group g
    are kept: its least agreeing ones are dropped, rollouts of equal ratio together or not at all. With z the normal
    quantile of `confidence`, and standard errors se over groups (first-order, as of ratios of sums over groups that
    were drawn),

        justified    c_k(1) < −z · se(c_k(1))  for some reward k
        admissible   c_k(m_t) > 0  for every reward k that has votes,  and  C(1) − C(m_t) ≤ z · se(C(1))
        keep         m_t of the largest admissible t, if justified; else 1

    Without a negative gain it is `none`, so with two rewards of equal weight that are standardised within each group it
    never masks: ⟨v_1, S⟩ = ‖v_1‖² + ⟨v_1, v_2⟩ cannot be negative then. The gains are those of the sum, before query
    weights and whitening. The rule is this project's own; that a positive covariance of reward and signal means
    improvement is the law of CTWA (arXiv 2602.06869, of which only the abstract was read).
    """
    everything = torch.ones_like(votes.present)
    voters = (votes.weighted.abs() > SIGN_EPS).any(1)
    count, energy = votes.present.sum(), votes.total.square()
    if not voters.any() or not energy.sum() > 0:
        return everything
    products = votes.weighted[voters] * votes.total
    quantile = NormalDist().inv_cdf(options.confidence)
    unmasked = gains(votes.weighted[voters], votes.total, votes.present)
    noise = _standard_errors(torch.cat([products, energy[None]]), energy, votes)
    if not (unmasked < -torch.clamp(quantile * noise[:-1], min=1e-9)).any():
        return everything

    # The candidate at place j drops the first j + 1 rollouts by their ratios, if the next one has another ratio.
    ratios = torch.where(_droppable(votes, options.min_kept), agreement(votes), torch.inf)
    ordered, order = ratios.sort()
    whole = torch.cat([ordered[1:] > ordered[:-1], ordered.new_ones(1, dtype=torch.bool)]) & ordered.isfinite()
    products_left = products.sum(1, keepdim=True) - products[:, order].cumsum(1)
    energy_left = (energy.sum() - energy[order].cumsum(0)).clamp(min=0)
    positive = (products_left > SIGN_EPS * products.abs().sum(1, keepdim=True)).all(0)
    loss = (energy.sum().sqrt() - energy_left.sqrt()) / count.sqrt()
    admissible = whole & positive & (loss <= quantile * noise[-1])
    if not admissible.any():
        return everything
    return ratios > ordered[admissible.nonzero().max()]


def _standard_errors(products: Tensor, energy: Tensor, votes: Votes) -> Tensor:
    """Of Σ products / √(n · Σ energy) [R], with sums over groups that were drawn; infinite with fewer than two groups.

    The statistic U / √(n V) changes with group g by ψ_g = (u_g − U/2 · (n_g/n + v_g/V)) / √(n V), and its variance is
    G / (G − 1) · Σ_g ψ_g².
    """
    groups = votes.groups
    sizes, energies, sums = groups.sum(votes.present), groups.sum(energy), groups.sum(products)
    count, total = sizes.sum(), energies.sum()
    drawn = (sizes > 0).sum()
    if drawn < 2:
        return torch.full_like(sums[:, 0], torch.inf)
    influence = (sums - sums.sum(1, keepdim=True) / 2 * (sizes / count + energies / total)) / (count * total).sqrt()
    return (influence.square().sum(1) * drawn / (drawn - 1)).sqrt()


def _droppable(votes: Votes, min_kept: float) -> Tensor:
    """Rollouts in conflict [N] that may be dropped while each group keeps its floor; equal ratios together."""
    groups, conflict = votes.groups, votes.conflict & votes.present
    sizes = groups.sum(votes.present)
    allowed = groups.to_rollouts(sizes - (min_kept * sizes - 1e-9).ceil())
    ratios = torch.where(conflict, agreement(votes), torch.inf)
    by_ratio = ratios.argsort()
    order = by_ratio[groups.index[by_ratio].argsort(stable=True)]  # by group, and within a group by ratio
    index, ratios = groups.index[order], ratios[order]
    place, edge = torch.arange(len(order), device=order.device), index.new_ones(1, dtype=torch.bool)
    new_group = torch.cat([edge, index[1:] != index[:-1]])
    last_of_tie = torch.cat([(ratios[1:] != ratios[:-1]) | new_group[1:], edge])
    start = torch.where(new_group, place, 0).cummax(0).values
    end = torch.where(last_of_tie, place, len(order)).flip(0).cummin(0).values.flip(0)
    fits = torch.empty_like(conflict)
    fits[order] = end - start + 1 <= allowed[order]
    return fits & conflict
