"""Which rollouts belong together, and sums over them without a loop over rows or groups."""

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Groups:
    """`index` [N] int64 maps each rollout to one of `count` groups; rows of a group need not be adjacent."""

    index: Tensor
    count: int

    def sum(self, values: Tensor) -> Tensor:
        """Sum [..., N] over each group, in float64: [..., G]."""
        totals = self._filled(values, 0.0)
        return totals.scatter_add_(-1, self.index.expand_as(values), values.to(torch.float64))

    def extremes(self, values: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest scored value [..., N] float64 of each group [..., G]; inf and -inf if there is none."""
        index = self.index.expand_as(values)
        low = torch.where(scored, values, torch.inf)
        high = torch.where(scored, values, -torch.inf)
        return (
            self._filled(values, torch.inf).scatter_reduce_(-1, index, low, "amin"),
            self._filled(values, -torch.inf).scatter_reduce_(-1, index, high, "amax"),
        )

    def to_rollouts(self, statistics: Tensor) -> Tensor:
        """Hand each rollout the statistic [..., G] of its group: [..., N]."""
        return statistics[..., self.index]

    def _filled(self, like: Tensor, value: float) -> Tensor:
        return torch.full((*like.shape[:-1], self.count), value, dtype=torch.float64, device=like.device)


def group_rollouts(group_ids: Iterable[Hashable], rollouts: int, device: torch.device) -> Groups:
    """Number the groups in order of appearance.

    Args:
        group_ids: one id per rollout: a sequence, a NumPy array or a tensor.
        rollouts: N, the number of ids expected.
        device: where the index is put.

    Raises:
        ValueError: there are not N ids.
        TypeError: an id is not hashable.
    """
    # Tensor elements hash by identity, which would put each row into a group of its own.
    ids = group_ids.tolist() if hasattr(group_ids, "tolist") else list(group_ids)
    if len(ids) != rollouts:
        raise ValueError(f"group_ids has {len(ids)} ids for {rollouts} rollouts: expected one id per row of the scores")
    numbers: defaultdict[Hashable, int] = defaultdict(itertools.count().__next__)
    try:
        index = [numbers[group_id] for group_id in ids]
    except TypeError as error:
        raise TypeError(f"group_ids must be hashable, one per rollout ({error}): use strings or integers") from error
    return Groups(torch.tensor(index, dtype=torch.int64, device=device), len(numbers))
