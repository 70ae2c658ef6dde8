"""From evidence to a verdict, by stated rules: facts about these rollouts, no promise about a training."""

from dataclasses import dataclass
from typing import Literal

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import HARD, MethodResult
from gd2po.insight.check.verdict.about_filters import filter_findings, fitting_filter, has_work
from gd2po.insight.check.verdict.about_groups import group_findings
from gd2po.insight.check.verdict.about_rewards import data_findings, reward_findings
from gd2po.insight.check.verdict.findings import Level, VerdictFinding, percent
from gd2po.insight.check.verdict.suggestion import suggest

Outcome = Literal["no effect", "likely useful", "will starve training"]
LEVELS: dict[Outcome, Level] = {"no effect": "note", "likely useful": "good", "will starve training": "bad"}


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
    findings = (*filter_findings(evidence), *reward_findings(evidence))
    findings += (*group_findings(evidence), *data_findings(evidence))
    return Verdict(outcome, summary, findings, suggest(evidence, chosen))


def _outcome(evidence: Evidence, chosen: MethodResult | None) -> tuple[Outcome, str]:
    if not has_work(evidence):
        return "no effect", "On these rollouts a conflict filter changes next to nothing: GDPO gives the same update."
    if chosen is None:
        text = "On these rollouts every filter that changes the update leaves too little of it."
        return "will starve training", text
    facts = f"{chosen.name} drops {percent(1 - chosen.kept.value)} of these rollouts and leaves enough"
    strictest = "" if chosen.name == HARD else "; Hard does not"
    return "likely useful", f"There is conflict to filter: {facts}{strictest}."
