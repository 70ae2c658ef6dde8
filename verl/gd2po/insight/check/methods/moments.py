"""Per-group sums from which every statistic of a method, and of its bootstrap samples, is computed."""

from collections.abc import Mapping

import numpy as np

from gd2po.insight.check.rollouts import Numbers, Rollouts

_NOISE = 1e-6
"""Of the largest advantage; float32, in which they come, tells apart 1e-7 of it."""


def moments(
    rollouts: Rollouts, advantages: Numbers, kept: np.ndarray, references: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    """Name → sum over each group [G].

    Args:
        rollouts: The N rollouts.
        advantages: The advantages of the method [N].
        kept: The rollouts that the method keeps [N] bool.
        references: Name → other advantages [N], with which the method's are compared.
    """
    groups = rollouts.groups

    def total(values: Numbers) -> Numbers:
        return np.bincount(groups, values, minlength=rollouts.group_count).astype(np.float64, copy=False)

    advantages = _without_noise(advantages)
    lengths = rollouts.lengths.astype(np.float64)
    kept_here = total(kept)
    sums = {
        "groups": np.ones(rollouts.group_count),
        "rollouts": total(np.ones(rollouts.count)),
        "kept": kept_here,
        "emptied": (kept_here == 0).astype(np.float64),
        "tokens": total(lengths),
        "tokens_masked": total(lengths * ~kept),
        "magnitude": total(np.abs(advantages)),
        "square": total(advantages**2),
    }
    for name, other in references.items():
        other = _without_noise(other)
        sums[f"product {name}"] = total(advantages * other)
        sums[f"square {name}"] = total(other.astype(np.float64) ** 2)
        sums[f"spread {name}"] = sums[f"product {name}"] ** 2
    return sums


def _without_noise(advantages: Numbers) -> Numbers:
    """Exact zeros for what is left of them when a mean of zero was rounded: ratios of such rests mean nothing."""
    size = np.abs(advantages)
    return np.where(size > _NOISE * size.max(initial=0.0), advantages, 0.0)


def figures(sums: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """Name → figure [...] from sums over all groups [...]; NaN where it has no meaning.

    `gain` is that of :func:`gd2po.advantages.gains.gains`. `certainty` is the gain over its standard error, of the sum
    over groups, with the size of the advantages held fixed.
    """
    statistics = {
        "kept": ratio(sums["kept"], sums["rollouts"]),
        "emptied": ratio(sums["emptied"], sums["groups"]),
        "tokens_masked": ratio(sums["tokens_masked"], sums["tokens"]),
        "effective": ratio(sums["magnitude"] ** 2, sums["square"] * sums["rollouts"]),
    }
    for name in (key.removeprefix("product ") for key in sums if key.startswith("product ")):
        size = np.sqrt(sums["square"] * sums[f"square {name}"])
        product = sums[f"product {name}"]
        statistics[f"cosine {name}"] = np.clip(ratio(product, size), -1, 1)
        statistics[f"gain {name}"] = ratio(product, np.sqrt(sums["rollouts"] * sums["square"]))
        noise = np.sqrt(np.clip(sums[f"spread {name}"] - product**2 / sums["groups"], 0, None))
        statistics[f"certainty {name}"] = ratio(product, noise)
    return statistics


def ratio(part: Numbers, whole: Numbers) -> Numbers:
    """part / whole [...]; NaN where the whole is not above 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
