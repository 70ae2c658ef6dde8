"""A block for the recipe."""

import json
import re
from collections.abc import Iterator
from typing import Any

from gd2po.insight.check.evidence import Evidence
from gd2po.insight.check.methods.runs import MethodResult
from gd2po.insight.check.statistics.rewards import RewardStatistics
from gd2po.insight.check.verdict.about_rewards import is_dead, linked

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def suggest(evidence: Evidence, chosen: MethodResult | None) -> str:
    """YAML for ``algorithm``: the rewards as they were checked, and the filter that is justified.

    If none is, GDPO with the normaliser ``shrunk``, which did better than GDPO's own in the method lab.
    """
    lines = ["algorithm:", f"  adv_estimator: {'gd2po' if chosen else 'gdpo'}", "  gd2po:", "    rewards:"]
    copies = {second: first for first, second, within in linked(evidence) if within > 0}
    for reward in evidence.rewards:
        comments = "; ".join(_comments(reward, copies))
        comment = f"  # {comments}" if comments else ""
        lines.append(f"      {_key(reward.name)}: {_settings(reward)}{comment}")
    if chosen:
        options = ", ".join(f"{name}: {_value(value)}" for name, value in chosen.settings["filter"].items())
        lines.append(f"    filter: {{{options}}}")
    else:
        lines.append("    normalise: {kind: shrunk, share: 0.5}  # not where a judge can be gamed (docs/results.md)")
    return "\n".join(lines) + "\n"


def _settings(reward: RewardStatistics) -> str:
    direction = ", direction: minimize" if reward.direction == "minimize" else ""
    return f"{{weight: {reward.weight!r}{direction}}}"


def _comments(reward: RewardStatistics, copies: dict[str, str]) -> Iterator[str]:
    if reward.weights[0] != reward.weights[1]:
        yield "the weight of the last step here: it moved"
    if is_dead(reward):
        yield "no vote here: repair or drop it"
    elif reward.name in copies:
        yield f"votes as {copies[reward.name]} does: drop one, or halve both weights"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else json.dumps(name)
