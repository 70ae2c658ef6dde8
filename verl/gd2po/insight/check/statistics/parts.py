"""Conflict by group size and by data source."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gd2po.insight.check.rollouts import Codes, Rollouts

SIZES_AT_MOST = 8


@dataclass(frozen=True)
class Subset:
    """Some of the rollouts.

    Attributes:
        label: The name of the subset, such as ``8``, ``5–8`` or that of a data source.
        groups: The number of groups with a rollout in it.
        rollouts: The number of rollouts in it.
        conflict: The share of these rollouts whose votes have both signs.
    """

    label: str
    groups: int
    rollouts: int
    conflict: float


def by_size(rollouts: Rollouts, conflict: np.ndarray) -> tuple[Subset, ...]:
    """Subsets by group size; beyond 8 different sizes, by ranges that double.

    Args:
        rollouts: The N rollouts.
        conflict: Whether the votes of each rollout have both signs [N] bool.
    """
    sizes = rollouts.sizes
    if len(np.unique(sizes)) <= SIZES_AT_MOST:
        edges, labels = np.unique(sizes), [str(size) for size in np.unique(sizes)]
    else:
        powers = 2 ** np.arange(int(sizes.max() - 1).bit_length() + 1)
        edges, labels = powers, ["1", "2", *(f"{low + 1}–{2 * low}" for low in powers[1:])]
    bins = np.searchsorted(edges, sizes)[rollouts.groups]
    return _parts(rollouts, conflict, bins, labels)


def by_source(rollouts: Rollouts, conflict: np.ndarray) -> tuple[Subset, ...]:
    """Subsets by data source, the largest first; none if nothing tells the source."""
    if rollouts.sources is None:
        return ()
    parts = _parts(rollouts, conflict, rollouts.sources, rollouts.source_names)
    return tuple(sorted(parts, key=lambda part: (-part.rollouts, part.label)))


def _parts(rollouts: Rollouts, conflict: np.ndarray, bins: Codes, labels: Sequence[str]) -> tuple[Subset, ...]:
    counts = np.bincount(bins, minlength=len(labels))
    conflicts = np.bincount(bins, conflict, minlength=len(labels))
    # Pairs of bin and group, each once.
    pairs = np.unique(bins * rollouts.group_count + rollouts.groups) // rollouts.group_count
    groups = np.bincount(pairs, minlength=len(labels))
    return tuple(
        Subset(label, int(groups[number]), int(counts[number]), float(conflicts[number] / counts[number]))
        for number, label in enumerate(labels)
        if counts[number]
    )
