"""What a filter of whole groups (verl's ``algorithm.filter_groups``) would do with these rollouts."""

from collections.abc import Iterator

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.verdict.findings import VerdictFinding, percent


def group_findings(evidence: Evidence) -> Iterator[VerdictFinding]:
    """All findings about groups that a group filter would evict."""
    dead, tied = evidence.group_votes.without_vote, evidence.group_votes.same_sum
    if tied:
        yield VerdictFinding(
            "group filter",
            "caution",
            f"verl's group filter on the sum of the rewards would throw away {tied} groups "
            f"({percent(tied / evidence.groups)}) in which a reward has a vote; "
            "algorithm.filter_groups.metric=gd2po keeps them.",
        )
    if dead:
        share = dead / evidence.groups
        effect = f"would generate about {1 / (1 - share):.2g} times as many prompts" if share < 1 else "would not end"
        yield VerdictFinding(
            "no vote",
            "note",
            f"No reward has a vote in {dead} groups ({percent(share)}); a training that refills them {effect}.",
        )
