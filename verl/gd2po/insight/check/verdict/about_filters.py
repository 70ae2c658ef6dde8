"""Findings about filters: which change something, which leave enough, and which are the same."""

from collections.abc import Iterator, Sequence

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import HARD, MethodResult
from gd2po.insight.check.verdict import rules
from gd2po.insight.check.verdict.about_rewards import is_dead
from gd2po.insight.check.verdict.findings import (
    Level,
    VerdictFinding,
    decimal,
    listed,
    percent,
    with_interval,
    with_loss,
)


def changes_update(method: MethodResult) -> bool:
    """Whether a filter's advantages point elsewhere than GDPO's."""
    return not method.cosine_gdpo.value >= rules.COSINE_OF_THE_SAME


def starves(method: MethodResult) -> bool:
    """Whether a filter leaves too little to train on."""
    return method.kept.value < rules.KEPT_AT_LEAST or method.emptied.value > rules.EMPTIED_AT_MOST


def has_work(evidence: Evidence) -> bool:
    """Whether there is anything that a filter would change."""
    return evidence.conflict >= rules.CONFLICT_AT_LEAST and changes_update(evidence.method(HARD))


def fitting_filter(evidence: Evidence) -> MethodResult | None:
    """The justified filter that changes the update, leaves enough and costs least of the summed gain; or None.

    One that turns a negative gain positive comes before one that makes a gain larger beside its standard error.
    """
    fitting = [
        method for method in evidence.filters if method.justified and changes_update(method) and not starves(method)
    ]
    return min(fitting, key=lambda method: (not method.turned, method.lost.value), default=None)


def cost(evidence: Evidence) -> str:
    """What the filters that change the update would cost, from the least to the most, in a sentence."""
    by_cost = sorted(
        (method for method in evidence.filters if changes_update(method) and method.lost.value > 0),
        key=lambda method: method.lost.value,
    )
    if not by_cost:
        return "None of them changes the update."
    least, most = by_cost[0], by_cost[-1]
    text = f"{least.name} would cost {with_loss(least.lost)} of the summed gain"
    return f"{text}, {most.name} {with_loss(most.lost)}." if most is not least else f"{text}."


def filter_findings(evidence: Evidence, chosen: MethodResult | None) -> Iterator[VerdictFinding]:
    """All findings about filters, of which one may have been chosen."""
    hard = evidence.method(HARD)
    voting = sum(reward.votes and not is_dead(reward) for reward in evidence.rewards)
    independent = f"{voting} independent votes: {percent(1 - 2 ** (1 - voting))}" if voting else "no reward votes"
    yield VerdictFinding(
        "conflict",
        "note",
        f"On {percent(evidence.conflict)} of the rollouts some rewards vote for and others against ({independent}); "
        f"cosine of Hard's advantages with GDPO's: {decimal(hard.cosine_gdpo.value)}.",
    )
    if has_work(evidence):
        yield from _justified(evidence)
        yield from _effect(hard, chosen)
        yield from _starving_thresholds(evidence.snr)
        yield from _borderline(chosen or hard)
        yield from _same_as_hard(evidence, hard)


def group_findings(evidence: Evidence) -> Iterator[VerdictFinding]:
    """All findings about groups that a filter of whole groups (verl's ``algorithm.filter_groups``) would evict."""
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


def _justified(evidence: Evidence) -> Iterator[VerdictFinding]:
    justified = [method for method in evidence.filters if method.justified]
    levels: tuple[tuple[bool, Level, str], ...] = (
        (True, "good", ""),
        (False, "caution", ", but too little is left to train on"),
    )
    for leaves_enough, level, note in levels:
        names = [
            f"{method.name} (for {with_loss(method.lost)} of the summed gain)"
            for method in justified
            if starves(method) != leaves_enough
        ]
        if names:
            yield VerdictFinding("justified filter", level, f"Justified by the gains: {listed(names)}{note}.")


def _effect(hard: MethodResult, chosen: MethodResult | None) -> Iterator[VerdictFinding]:
    text = (
        f"Hard keeps {with_interval(hard.kept)} of the rollouts and empties {with_interval(hard.emptied)} of the "
        f"groups (limits: {percent(rules.KEPT_AT_LEAST)} kept, {percent(rules.EMPTIED_AT_MOST)} emptied)."
    )
    if starves(hard):
        yield VerdictFinding("starving filter", "caution" if chosen or not hard.justified else "bad", text)
    else:
        yield VerdictFinding("enough left", "note", text)


def _starving_thresholds(snr: Sequence[MethodResult]) -> Iterator[VerdictFinding]:
    starving = [method for method in snr if starves(method)]
    if starving:
        least = starving[0]
        yield VerdictFinding(
            "starving filter",
            "caution",
            f"SNR leaves too little from τ = {least.tau:g} on: there it keeps {with_interval(least.kept)} of the "
            f"rollouts and empties {with_interval(least.emptied)} of the groups.",
        )


def _borderline(method: MethodResult) -> Iterator[VerdictFinding]:
    limits = (("kept", method.kept, rules.KEPT_AT_LEAST), ("emptied", method.emptied, rules.EMPTIED_AT_MOST))
    for what, share, limit in limits:
        if share.low < limit < share.high:
            yield VerdictFinding(
                "borderline",
                "note",
                f"The interval of what is {what} under {method.name}, {with_interval(share)}, holds the limit of "
                f"{percent(limit)}: other prompts of this kind may fall on its other side.",
            )


def _same_as_hard(evidence: Evidence, hard: MethodResult) -> Iterator[VerdictFinding]:
    # SNR masks a subset of what Hard masks, so equal shares are equal masks.
    same = [method for method in evidence.snr if method.kept.value == hard.kept.value]
    if same:
        names = listed(f"τ = {method.tau:g}" for method in same)
        text = f"SNR with {names} keeps exactly what Hard keeps.{_closed_form(evidence)}"
        yield VerdictFinding("SNR is Hard", "caution", text)


def _closed_form(evidence: Evidence) -> str:
    """Two two-valued rewards of equal weight: the largest ratio of a conflict follows from the group size."""
    voting = [reward for reward in evidence.rewards if reward.votes]
    if len(voting) != 2 or any(reward.distinct != 2 for reward in voting):
        return ""
    if len({abs(weight) for reward in voting for weight in reward.weights}) != 1:
        return ""
    size = evidence.largest_group
    return (
        f" With two two-valued rewards of equal weight no conflict has a ratio above (n − 2) / n, which is "
        f"{(size - 2) / size:.2g} at n = {size}."
    )
