"""The rules of the verdict, each with its limit. ``docs/check.md`` says what they mean."""

from gd2po.health import MISSING_AT_MOST, UPDATE_SHARE_AT_MOST

__all__ = ["MISSING_AT_MOST", "UPDATE_SHARE_AT_MOST"]

CONFLICT_AT_LEAST = 0.05
"""Share of rollouts in conflict under which a filter has next to nothing to do."""

COSINE_OF_THE_SAME = 0.99
"""From this cosine with GDPO's advantages on, a filter changes next to nothing."""

KEPT_AT_LEAST = 0.5
"""Share of rollouts that a filter has to leave."""

EMPTIED_AT_MOST = 0.05
"""Share of groups that a filter may empty."""

DUPLICATE_AT_LEAST = 0.99
"""Correlation within groups from which two rewards vote alike; as far below 0, they cancel."""

SIGNAL_AT_LEAST = 0.1
"""Share of groups in which a reward should tell rollouts apart."""

GROUPS_AT_LEAST = 50
"""Fewer groups say little about other prompts."""
