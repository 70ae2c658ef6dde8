"""What happened to a batch, in figures: the same names for every estimator, so that curves can be compared.

A *rollout* below is a valid row with at least one score of non-zero weight; a group counts if it has one. Padding rows
count nowhere. A figure whose population is empty is 0; no figure is ever NaN and none is ever left out.

======================================  ===========  ==================================================================
name                                    unit         meaning
======================================  ===========  ==================================================================
`reward/<name>/{mean,std,min,max}`      raw score    over the rows scored; std is unbiased; direction not applied
`reward/<name>/missing`                 rows, count  valid rows that this reward did not score
`adv/<name>/zero_spread_groups`         groups       groups of two or more scored rollouts that tie on this reward
`update/<name>/share`                   share        of this reward in the advantages: Σ |its terms| over rollouts
`update/<name>/gain`                    per step     c_k of :func:`gd2po.advantages.gains.gains`; below 0 the update
                                                     is expected to lower this reward
`update/<name>/gain_unfiltered`         per step     the same for the same estimator without its filter
`conflict/rate`                         share        rollouts whose votes w_k A_ik have both signs
`conflict/masked`, `conflict/kept`      share        rollouts the filter dropped, and the rest
`conflict/emptied_groups`               groups       groups of which nothing was kept
`conflict/snr_mean`, `conflict/snr_p50`  ratio       signal-to-noise ratio over rollouts in conflict; p50: lower median
`conflict/pair/<a>|<b>`                 share        rows scored by both whose two votes have opposite signs; a < b
`query_weight/{mean,min}`               factor       over rollouts
`whiten/population`                     units        tokens or rollouts that were whitened; 0 without whitening
`whiten/{mean,std}`                     advantage    what was subtracted and divided by; 0 without whitening
`tokens/masked_share`                   share        response tokens in valid rows that are not kept, for any reason
`groups/count`, `groups/singletons`     groups       all groups, and those of one rollout, whose advantage is always 0
`rollouts/count`, `rollouts/unscored`   rows, count  rollouts, and valid rows that are none for want of a score
======================================  ===========  ==================================================================
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import torch
from torch import Tensor

from gd2po.advantages.batch import Batch
from gd2po.advantages.gains import gains
from gd2po.advantages.outputs import Estimate
from gd2po.advantages.votes import opposed


def batch_metrics(batch: Batch, estimate: Estimate) -> dict[str, float]:
    """Every metric of the module's table, as Python floats (one transfer from the device)."""
    figures = {
        **_rewards(batch),
        **_update(batch, estimate),
        **_conflict(batch, estimate.kept),
        **_pairs(batch),
        **_weighting(batch, estimate),
        **_sizes(batch, estimate.kept),
    }
    values = torch.stack([figure.to(torch.float64) for figure in figures.values()]).tolist()
    return dict(zip(figures, values, strict=True))


def watch_metrics(scores: Mapping[str, Tensor]) -> dict[str, float]:
    """`watch/<name>/{mean,std,min,max,missing}` of scores that are logged and never trained on.

    Args:
        scores: name -> [N] raw scores, NaN where not scored. Padding rows are left out beforehand.
    """
    figures: dict[str, Tensor] = {}
    for name, values in scores.items():
        scored = ~values.isnan()
        figures |= _range(f"watch/{name}", values[scored]) | {f"watch/{name}/missing": (~scored).sum()}
    return {name: float(figure) for name, figure in figures.items()}


def _range(prefix: str, scores: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}/mean": _or_zero(scores, Tensor.mean),
        f"{prefix}/std": scores.std() if len(scores) > 1 else scores.new_zeros(()),
        f"{prefix}/min": _or_zero(scores, Tensor.min),
        f"{prefix}/max": _or_zero(scores, Tensor.max),
    }


def _rewards(batch: Batch) -> dict[str, Tensor]:
    figures: dict[str, Tensor] = {}
    for k, name in enumerate(batch.names):
        figures |= _range(f"reward/{name}", batch.scores[k][batch.scored[k]])
        figures[f"reward/{name}/missing"] = (batch.valid & ~batch.scored[k]).sum()
        figures[f"adv/{name}/zero_spread_groups"] = batch.normalised.zero_spread[k].sum()
    return figures


def term_sizes(batch: Batch, estimate: Estimate) -> Tensor:
    """Σ |its terms| of each reward over rollouts [K], of which `update/<name>/share` is the share."""
    terms = estimate.terms
    if terms is None:
        terms = estimate.query_weight * estimate.kept * batch.votes.weighted
    return terms.abs().sum(1)


def _update(batch: Batch, estimate: Estimate) -> dict[str, Tensor]:
    sizes = term_sizes(batch, estimate)
    shares = sizes / torch.where(sizes.sum() > 0, sizes.sum(), torch.inf)
    used = _gains(batch, estimate.advantages)
    unfiltered = used if estimate.unfiltered is None else _gains(batch, estimate.unfiltered)
    return {
        f"update/{name}/{figure}": value
        for figure, values in (("share", shares), ("gain", used), ("gain_unfiltered", unfiltered))
        for name, value in zip(batch.names, values, strict=True)
    }


def _gains(batch: Batch, advantages: Tensor) -> Tensor:
    return gains(batch.normalised.advantages, advantages, batch.present)


def _conflict(batch: Batch, kept: Tensor) -> dict[str, Tensor]:
    ratios = batch.votes.snr[batch.votes.conflict]
    some_present, some_kept = batch.groups.sum(batch.present) > 0, batch.groups.sum(kept) > 0
    return {
        "conflict/rate": _share(batch.votes.conflict, batch.present),
        "conflict/masked": _share(batch.present & ~kept, batch.present),
        "conflict/kept": _share(kept, batch.present),
        "conflict/emptied_groups": (some_present & ~some_kept).sum(),
        "conflict/snr_mean": _or_zero(ratios, Tensor.mean),
        "conflict/snr_p50": _or_zero(ratios, Tensor.median),
    }


def _pairs(batch: Batch) -> dict[str, Tensor]:
    figures = {}
    for (a, i), (b, j) in combinations(sorted((name, k) for k, name in enumerate(batch.names)), 2):
        differ = opposed(batch.votes.weighted[i], batch.votes.weighted[j])
        figures[f"conflict/pair/{a}|{b}"] = _share(differ, batch.scored[i] & batch.scored[j])
    return figures


def _weighting(batch: Batch, estimate: Estimate) -> dict[str, Tensor]:
    weights, whitened = estimate.query_weight[batch.present], estimate.whitened
    nothing = estimate.advantages.new_zeros(())
    return {
        "query_weight/mean": _or_zero(weights, Tensor.mean),
        "query_weight/min": _or_zero(weights, Tensor.min),
        "whiten/population": whitened.population if whitened else nothing,
        "whiten/mean": whitened.mean if whitened else nothing,
        "whiten/std": whitened.std if whitened else nothing,
    }


def _sizes(batch: Batch, kept: Tensor) -> dict[str, Tensor]:
    members = batch.groups.sum(batch.present)
    return {
        "tokens/masked_share": _share(batch.lengths * (batch.valid & ~kept), batch.lengths * batch.valid),
        "groups/count": (members > 0).sum(),
        "groups/singletons": (members == 1).sum(),
        "rollouts/count": batch.present.sum(),
        "rollouts/unscored": (batch.valid & ~batch.present).sum(),
    }


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return part.sum(dtype=torch.float64) / whole.sum(dtype=torch.float64).clamp(min=1)


def _or_zero(values: Tensor, statistic: Callable[[Tensor], Tensor]) -> Tensor:
    return statistic(values) if len(values) else values.new_zeros(())
