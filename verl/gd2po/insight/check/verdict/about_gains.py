"""Findings about gains: which rewards the update pushes down, and which filters mend that or cause it."""

from collections.abc import Iterator

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import GDPO, MethodResult
from gd2po.insight.check.verdict.findings import VerdictFinding, listed, with_gain


def gain_findings(evidence: Evidence) -> Iterator[VerdictFinding]:
    """All findings about gains."""
    unfiltered = evidence.method(GDPO)
    for reward in evidence.rewards:
        gain = unfiltered.gain[reward.name]
        if reward.votes and gain.high < 0:
            turning = [method.name for method in evidence.filters if reward.name in method.turned]
            mending = (
                f"{listed(turning)} turn{'s' * (len(turning) == 1)} it positive" if turning else "No filter mends that"
            )
            yield VerdictFinding(
                "negative gain",
                "bad",
                f"Without a filter the update pushes {reward.name} down: its gain is {with_gain(gain)}. {mending}; the "
                "other remedy is a larger weight for it.",
            )
    for method in evidence.filters:
        if method.lowered:
            gains = listed(f"{name} ({with_gain(method.gain[name])})" for name in method.lowered)
            yield VerdictFinding(
                "harmful filter", "caution", f"{method.name} pushes {gains} down, which GDPO does not."
            )


def mended(method: MethodResult, evidence: Evidence) -> str:
    """What a justified filter does: ``turns the gain of b from −0.22 to +0.17``."""
    unfiltered = evidence.method(GDPO).gain
    if method.turned:
        changes = (
            f"{name} from {with_gain(unfiltered[name])} to {with_gain(method.gain[name])}" for name in method.turned
        )
        return f"turns the gain of {listed(changes)}"
    return f"makes the gain of {listed(method.steadier)} larger beside its standard error"
