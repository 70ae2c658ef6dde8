"""Numbers and the account of the reading in words, alike in the terminal and on the page."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.statistics.rewards import RewardStatistics
from gd2po.intervals import Interval

FILES_NAMED = 3

OPTION_LINE = "  --"
"""The beginning of a line to copy, which stands alone and is never broken."""


def account_lines(evidence: Evidence) -> Iterator[str]:
    """What was read, how, and what was left out."""
    account = evidence.account
    sizes = f"up to {evidence.largest_group} each" if len(evidence.sizes) > 1 else f"{evidence.largest_group} each"
    group = f"by {account.group_column}{' and step' if account.by_step else ''}"
    yield f"{_named(account.files)}: {evidence.rollouts:,} rollouts in {evidence.groups:,} groups ({sizes}), {group}"
    lengths = account.lengths_from or "not told, so each response counts as one token"
    yield f"rewards: {', '.join(of_rewards(evidence))}; response lengths: {lengths}"
    yield from (line for note in account.notes for line in note.splitlines())
    for count, what in (
        (account.unscored, "rows without a score, such as padding"),
        (account.earlier_outputs, "outputs before the last one of their session"),
        (account.bad, "rows that could not be read"),
    ):
        if count:
            yield f"left out, {what}: {count:,}"
    yield from (f"  {example}" for example in account.bad_examples)


def _named(files: Sequence[str]) -> str:
    more = len(files) - FILES_NAMED
    if more <= 0:
        return ", ".join(files)
    folders = {str(Path(file).parent) for file in files}
    if len(folders) == 1:
        return f"{folders.pop()}, {len(files)} files"
    return f"{', '.join(files[:FILES_NAMED])} and {more} more"


def of_rewards(evidence: Evidence) -> list[str]:
    """Names of the rewards."""
    return [reward.name for reward in evidence.rewards]


def weight_text(reward: RewardStatistics) -> str:
    """The weight of a reward; of one that moved, from the least to the greatest."""
    low, high = reward.weights
    return f"{reward.weight:g}" if low == high else f"{low:.3g} to {high:.3g}"


def number(value: float) -> str:
    """A score, short."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}"


def signed(value: float | None) -> str:
    """A correlation or cosine."""
    if value is None or math.isnan(value):
        return "–"
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def short_gain(gain: Interval) -> str:
    """A gain and half the width of its interval: ``−0.22 ±0.01``."""
    width = (gain.high - gain.low) / 2
    return signed(gain.value) + ("" if math.isnan(width) else f" ±{width:.2f}")
