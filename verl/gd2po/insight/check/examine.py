"""From files to evidence."""

from collections.abc import Sequence

import numpy as np

from gd2po.insight.check.choice import Choice
from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import Methods
from gd2po.insight.check.reading import read
from gd2po.insight.check.rollouts import Rollouts
from gd2po.insight.check.statistics.group_votes import count_groups
from gd2po.insight.check.statistics.pairs import compare_rewards
from gd2po.insight.check.statistics.parts import by_size, by_source
from gd2po.insight.check.statistics.rewards import describe_rewards


def examine(files: Sequence[str], choice: Choice) -> Evidence:
    """Read rollouts and measure what their rewards do to each other.

    Args:
        files: Names of JSON lines, CSV or Parquet files, folders of them, or ``-``.
        choice: The columns, weights, directions and thresholds that the user has named.

    Raises:
        CheckError: the files have no two rewards, no groups, or no good row.
        SettingsError: a weight, direction or threshold is wrong.
    """
    return measure(read(files, choice), choice.taus)


def measure(rollouts: Rollouts, taus: tuple[float, ...]) -> Evidence:
    """All that is measured on these rollouts, with the SNR filter at these thresholds."""
    methods = Methods(rollouts)
    conflict, votes = methods.conflict, methods.votes
    sizes = rollouts.sizes
    return Evidence(
        account=rollouts.account,
        rollouts=rollouts.count,
        groups=rollouts.group_count,
        singletons=int(np.count_nonzero(sizes == 1)),
        largest_group=int(sizes.max()),
        conflict=float(conflict.mean()),
        group_votes=count_groups(rollouts, votes),
        rewards=describe_rewards(rollouts, methods.metrics),
        pairs=compare_rewards(rollouts, methods.normalised, dict(zip(rollouts.names, votes, strict=True))),
        sizes=by_size(rollouts, conflict),
        sources=by_source(rollouts, conflict),
        methods=tuple(methods.results(taus)),
    )
