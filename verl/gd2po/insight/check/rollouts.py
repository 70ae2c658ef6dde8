"""The rollouts of a check: ids and scores, no text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gd2po.defaults import Direction

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Account:
    """Where the rollouts come from, and what was left out.

    Attributes:
        files: The names of the files that were read.
        rows: The number of rows in all files.
        bad: The number of rows that could not be read.
        bad_examples: The first bad rows, each with its file, its line or row number, and the reason.
        unscored: The number of rows without any score that counts, such as padding.
        earlier_outputs: The number of outputs of a session before its last output, which alone counts.
        group_column: The column that tells the prompt.
        by_step: Whether equal ids in different training steps are different groups.
        lengths_from: The source of a response's length, such as ``words of output``; empty if nothing tells it.
        not_taken: The columns of numbers that were not taken for rewards.
        notes: What was guessed, with the option that says it outright, left out, or taken from elsewhere, in sentences.
    """

    files: tuple[str, ...]
    rows: int
    bad: int
    bad_examples: tuple[str, ...]
    unscored: int
    earlier_outputs: int
    group_column: str
    by_step: bool
    lengths_from: str
    not_taken: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Rollouts:
    """N rollouts with K scores, sorted by group.

    Attributes:
        names: The names of the K rewards.
        scores: The scores [K, N], NaN where not scored; a rollout has at least one score.
        groups: The group of each rollout [N], 0 to G − 1, ascending, whatever the order of the rows.
        lengths: The tokens or words of each response [N]; 1 if nothing tells them.
        sources: The index of each data source in ``source_names`` [N]; None if there is no such column.
        source_names: The names of the data sources.
        weights: Reward → weight, for every reward; of a weight that moved, that of the last step of these rollouts.
        directions: Reward → direction, for every reward.
        account: The account of the reading.
        moved_weights: The weights in the step of each rollout [K, N]; None where they are the same for all rollouts.
    """

    names: tuple[str, ...]
    scores: Numbers
    groups: Codes
    lengths: Codes
    sources: Codes | None
    source_names: tuple[str, ...]
    weights: dict[str, float]
    directions: dict[str, Direction]
    account: Account
    moved_weights: Numbers | None = None

    @property
    def row_weights(self) -> Numbers:
        """The weights of each rollout [K, N]."""
        if self.moved_weights is not None:
            return self.moved_weights
        column = np.array([[self.weights[name]] for name in self.names])
        return np.broadcast_to(column, (len(self.names), self.count))

    def batches(self) -> list[Codes]:
        """The rollouts that are one batch: all, or, where weights moved, those of equal weights [n] each."""
        if self.moved_weights is None:
            return [np.arange(self.count)]
        numbers = np.unique(self.moved_weights, axis=1, return_inverse=True)[1].reshape(-1)
        return [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]

    @property
    def count(self) -> int:
        """The number of rollouts, N."""
        return len(self.groups)

    @property
    def group_count(self) -> int:
        """The number of groups, G."""
        return int(self.groups[-1]) + 1

    @property
    def sizes(self) -> Codes:
        """The number of rollouts of each group [G]."""
        return np.bincount(self.groups)
