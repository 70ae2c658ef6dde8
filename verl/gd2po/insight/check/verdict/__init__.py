"""From evidence to a verdict, by stated rules: facts about these rollouts, no promise about a training."""

from dataclasses import dataclass
from typing import Literal

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import MethodResult
from gd2po.insight.check.verdict.about_filters import cost, filter_findings, fitting_filter, group_findings, has_work
from gd2po.insight.check.verdict.about_gains import gain_findings, mended
from gd2po.insight.check.verdict.about_rewards import data_findings, reward_findings
from gd2po.insight.check.verdict.findings import Level, VerdictFinding, listed, percent, with_loss
from gd2po.insight.check.verdict.suggestion import suggest

Outcome = Literal["no effect", "filtering is justified", "filtering is not justified", "will starve training"]
LEVELS: dict[Outcome, Level] = {
    "no effect": "note",
    "filtering is justified": "good",
    "filtering is not justified": "caution",
    "will starve training": "bad",
}


@dataclass(frozen=True)
class Verdict:
    """What follows from the evidence.

    Attributes:
        outcome: What filtering would do with these rollouts.
        summary: The outcome in a sentence.
        findings: The reasons, and whatever else is worth knowing.
        suggestion: The YAML for the recipe.
    """

    outcome: Outcome
    summary: str
    findings: tuple[VerdictFinding, ...]
    suggestion: str


def judge(evidence: Evidence) -> Verdict:
    """Apply the rules of :mod:`gd2po.insight.check.verdict.rules`."""
    chosen = fitting_filter(evidence) if has_work(evidence) else None
    outcome, summary = _outcome(evidence, chosen)
    filters = (*gain_findings(evidence), *filter_findings(evidence, chosen))
    findings = (*filters, *reward_findings(evidence), *group_findings(evidence), *data_findings(evidence))
    return Verdict(outcome, summary, findings, suggest(evidence, chosen))


def _outcome(evidence: Evidence, chosen: MethodResult | None) -> tuple[Outcome, str]:
    if not has_work(evidence):
        return "no effect", "On these rollouts a conflict filter changes next to nothing: GDPO gives the same update."
    justified = [method for method in evidence.filters if method.justified]
    if chosen:
        return "filtering is justified", (
            f"Filtering is justified on these rollouts: {chosen.name} {mended(chosen, evidence)}. It drops "
            f"{percent(1 - chosen.kept.value)} of the rollouts and costs {with_loss(chosen.lost)} of the summed gain."
        )
    if justified:
        names, each = listed(method.name for method in justified), "each" if len(justified) > 1 else "it"
        return "will starve training", (
            f"On these rollouts {names} would mend a gain, but {each} leaves too little to train on. GDPO "
            "with the normaliser shrunk and other weights is suggested."
        )
    return "filtering is not justified", (
        f"Filtering is not justified on these rollouts: no filter mends the gain of a reward. {cost(evidence)} GDPO "
        "with the normaliser shrunk is suggested."
    )
