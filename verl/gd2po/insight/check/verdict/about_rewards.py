"""Findings about rewards (dead, rarely telling, duplicated, cancelling, dominant, missing, coarse) and about files."""

from collections.abc import Iterator

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import GDPO, GRPO
from gd2po.insight.check.statistics.rewards import RewardStatistics
from gd2po.insight.check.verdict import rules
from gd2po.insight.check.verdict.findings import VerdictFinding, percent


def is_dead(reward: RewardStatistics) -> bool:
    """Whether a reward is the same for all rollouts of every group."""
    return reward.dead_groups == reward.groups


def linked(evidence: Evidence) -> Iterator[tuple[str, str, float]]:
    """Pairs of rewards whose votes are equal, or each other's opposite, with their correlation within groups."""
    weights = {reward.name: reward.strongest_weight for reward in evidence.rewards}
    for pair in evidence.pairs:
        turned = weights[pair.first] * weights[pair.second]
        within = pair.pearson_within
        if turned and within is not None and abs(within) >= rules.DUPLICATE_AT_LEAST:
            yield pair.first, pair.second, within if turned > 0 else -within


def reward_findings(evidence: Evidence) -> Iterator[VerdictFinding]:
    """All findings about rewards, reward by reward."""
    for reward in evidence.rewards:
        yield from _signal(reward)
        yield from _dominance(reward, evidence)
        yield from _quality(reward, evidence)
    yield from (_linked(*pair) for pair in linked(evidence))


def data_findings(evidence: Evidence) -> Iterator[VerdictFinding]:
    """All findings about the files."""
    account = evidence.account
    if evidence.singletons:
        share = percent(evidence.singletons / evidence.groups)
        yield VerdictFinding(
            "single rollouts",
            "caution",
            f"{evidence.singletons} groups ({share}) have one rollout, whose advantage is always 0. If training has "
            f"more per prompt, {account.group_column} does not tell the prompt.",
        )
    if evidence.groups < rules.GROUPS_AT_LEAST:
        yield VerdictFinding("few groups", "caution", f"{evidence.groups} groups say little about other prompts.")
    if account.bad:
        yield VerdictFinding("bad rows", "caution", f"{account.bad} of {account.rows} rows could not be read.")


def _signal(reward: RewardStatistics) -> Iterator[VerdictFinding]:
    if is_dead(reward):
        yield VerdictFinding(
            "dead reward",
            "bad",
            f"{reward.name} is the same for all rollouts of each of the {reward.groups} groups it scored: no vote.",
        )
    elif reward.signal < rules.SIGNAL_AT_LEAST:
        yield VerdictFinding(
            "rare signal",
            "caution",
            f"{reward.name} tells rollouts apart in {percent(reward.signal)} of the groups and has no vote elsewhere.",
        )


def _dominance(reward: RewardStatistics, evidence: Evidence) -> Iterator[VerdictFinding]:
    shares = {name: evidence.method(name).share[reward.name] for name in (GRPO, GDPO)}
    above = [name for name, share in shares.items() if share > rules.UPDATE_SHARE_AT_MOST]
    if above:
        both = " and ".join(f"{percent(share)} under {name}" for name, share in shares.items())
        yield VerdictFinding("dominant reward", "caution", f"{reward.name} makes {both} of the update.")


def _quality(reward: RewardStatistics, evidence: Evidence) -> Iterator[VerdictFinding]:
    if reward.missing > rules.MISSING_AT_MOST * evidence.rollouts:
        share = percent(reward.missing / evidence.rollouts)
        yield VerdictFinding(
            "missing scores", "caution", f"{reward.name} did not score {reward.missing} rollouts ({share})."
        )
    if reward.bf16_step is not None:
        yield VerdictFinding(
            "bfloat16",
            "note",
            f"{reward.name} looks as if it was computed in bfloat16: its {reward.distinct} different scores lie "
            f"{reward.bf16_step:g} apart at the largest, and {percent(reward.ties)} of the pairs in a group tie.",
        )


def _linked(first: str, second: str, within: float) -> VerdictFinding:
    if within > 0:
        text = f"{first} and {second} vote as one within groups (correlation {within:.2f}): what they say counts twice."
        return VerdictFinding("duplicated reward", "bad", text)
    text = f"{first} and {second} vote as opposites within groups (correlation {within:.2f}): they cancel."
    return VerdictFinding("cancelling rewards", "bad", text)
