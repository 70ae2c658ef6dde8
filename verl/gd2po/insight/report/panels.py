"""Which quantities a report shows as curves, and what they say; a panel without values is not shown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gd2po.insight.report.curves import Quantity, Values, metric
from gd2po.insight.report.series import Series

_VALIDATION = re.compile(r"val-(?:core|aux)/(?P<source>.+)/(?P<name>[^/]+)/mean@(?P<answers>\d+)")

WHOLE_STEP, VALIDATION_PHASE = "step", "testing"
"""verl's timers that are no phase of a step."""


@dataclass(frozen=True)
class Panel:
    """A chart with a curve for each series.

    Attributes:
        caption: What the chart shows, with its unit.
        quantity: The value in each step.
        share: Whether the quantity is a share of 1.
        every_step: Whether no steps are averaged, since few have a value.
        zero_line: Whether values below 0 mean something else than values above.
    """

    caption: str
    quantity: Quantity
    share: bool = False
    every_step: bool = False
    zero_line: bool = False


def reward_names(series: Sequence[Series]) -> list[str]:
    """Declared rewards of all runs, in their order, and others that were measured."""
    declared = [name for experiment in series for run in experiment.runs for name in run.description.weights]
    return list(dict.fromkeys((*declared, *_with_a_mean(series, "reward/"))))


def watched_names(series: Sequence[Series]) -> list[str]:
    """Scores that were logged and never trained on."""
    return _with_a_mean(series, "watch/")


def pair_names(series: Sequence[Series]) -> list[tuple[str, str]]:
    """Pairs of rewards whose conflicts were measured."""
    pairs = [key.removeprefix("conflict/pair/") for key in _metrics(series) if key.startswith("conflict/pair/")]
    return [(first, second) for first, _, second in (pair.partition("|") for pair in sorted(set(pairs)))]


def phase_names(series: Sequence[Series]) -> list[str]:
    """verl's timers, without that of the whole step; statistics of single requests have one more slash."""
    timers = dict.fromkeys(key.removeprefix("timing_s/") for key in _metrics(series) if key.startswith("timing_s/"))
    return [name for name in timers if "/" not in name and name != WHOLE_STEP]


def seconds(timer: str) -> Quantity:
    """Seconds of a timer in a finished step, 0 where it did not run."""
    return lambda values: values.get(f"timing_s/{timer}", 0.0) if f"timing_s/{WHOLE_STEP}" in values else None


def training(rewards: Sequence[str]) -> list[Panel]:
    """Each reward over training."""
    return [Panel(f"{name}, mean score of the rollouts", metric(f"reward/{name}/mean")) for name in rewards]


def watched(names: Sequence[str]) -> list[Panel]:
    """Each watched score over training."""
    return [Panel(f"watched {name}, mean score of the rollouts", metric(f"watch/{name}/mean")) for name in names]


def gains(series: Sequence[Series], rewards: Sequence[str]) -> Iterator[Panel]:
    """What the update does to each reward, and what the filter changes in that where it changes something."""
    for name in rewards:
        yield Panel(f"gain of {name}", metric(f"update/{name}/gain"), zero_line=True)
    for name in rewards:
        change = _change_by_filter(name)
        if any(change(step) for experiment in series for run in experiment.runs for step in run.steps.values()):
            yield Panel(f"gain of {name}: with the filter, less without", change, zero_line=True)


def validation(series: Sequence[Series], rewards: Sequence[str]) -> Iterator[Panel]:
    """Each reward, or else verl's core score, on each set of test prompts."""
    matches = [match for match in map(_VALIDATION.fullmatch, sorted(_metrics(series))) if match]
    scores = [match for match in matches if match["name"] in rewards]
    scores = scores or [match for match in matches if match[0].startswith("val-core/")]
    for match in sorted(scores, key=lambda match: rewards.index(match["name"]) if match["name"] in rewards else 0):
        caption = f"{match['name']} on {match['source']}, mean of {match['answers']} answers a prompt"
        yield Panel(caption, metric(match[0]), every_step=True)


def conflict() -> list[Panel]:
    """How often rewards disagree, and what that costs."""
    return [
        Panel("conflict rate: share of rollouts whose rewards pull both ways", metric("conflict/rate"), share=True),
        Panel("kept share: rollouts that carry an advantage", metric("conflict/kept"), share=True),
        Panel("emptied queries: share of prompts of which nothing was kept", _emptied, share=True),
        Panel("share of the response tokens in masked rollouts", metric("tokens/masked_share"), share=True),
    ]


def update(rewards: Sequence[str]) -> list[Panel]:
    """What makes the update, and its scale."""
    shares = [Panel(f"share of {name} in the update", metric(f"update/{name}/share"), share=True) for name in rewards]
    return [
        *shares,
        Panel("advantage scale: what whitening divides by (whiten/std)", metric("whiten/std")),
        Panel("query weight, mean over rollouts", metric("query_weight/mean"), share=True),
    ]


def moving_weights(series: Sequence[Series], rewards: Sequence[str]) -> Iterator[Panel]:
    """The weights that are not the same in all steps, and by how much targets are missed."""
    steps = [values for experiment in series for run in experiment.runs for values in run.steps.values()]
    for name in rewards:
        key = f"reward/{name}/weight"
        if len({values[key] for values in steps if key in values}) > 1:
            yield Panel(f"weight of {name}", metric(key), every_step=True)
        yield Panel(f"violation of the target of {name}: above 0 it is missed", metric(f"reward/{name}/violation"))


def group_filter() -> list[Panel]:
    """What verl's group filter costs."""
    return [Panel("prompts generated in place of evicted groups", metric("filter_groups/refilled"))]


def responses() -> list[Panel]:
    """Length of the responses, and time."""
    return [
        Panel("response length, mean tokens", metric("response_length/mean")),
        Panel("share of responses cut at the longest length", metric("response_length/clip_ratio"), share=True),
        Panel("seconds a step", metric("timing_s/step")),
    ]


def masked_tokens(values: Values) -> float | None:
    """Response tokens of a step that were generated and then masked."""
    names = ("tokens/masked_share", "response_length/mean", "rollouts/count")
    share, length, rollouts = (values.get(name) for name in names)
    if share is None or length is None or rollouts is None:
        return None
    return share * length * (rollouts + values.get("rollouts/unscored", 0.0))


def _change_by_filter(reward: str) -> Quantity:
    def change(values: Values) -> float | None:
        gain, unfiltered = (values.get(f"update/{reward}/{figure}") for figure in ("gain", "gain_unfiltered"))
        return None if gain is None or unfiltered is None else gain - unfiltered

    return change


def _kept_with_a_vote(values: Values) -> float | None:
    groups, without = values.get("groups/count"), values.get("filter_groups/kept_without_vote")
    return None if groups is None or without is None else groups - without


GROUPS: dict[str, Quantity] = {
    "kept, with a vote": _kept_with_a_vote,
    "kept, without a vote": metric("filter_groups/kept_without_vote"),
    "evicted, no vote": metric("filter_groups/evicted_without_vote"),
    "evicted, all votes masked": metric("filter_groups/evicted_masked"),
    "evicted, with a vote": metric("filter_groups/evicted_with_vote"),
}
"""The groups of a step by what verl's group filter did with them → their number."""


def _emptied(values: Values) -> float | None:
    emptied, groups = values.get("conflict/emptied_groups"), values.get("groups/count")
    return emptied / groups if emptied is not None and groups else None


def _with_a_mean(series: Sequence[Series], kind: str) -> list[str]:
    """The names of this kind that have a metric ``…/mean``."""
    keys = (key for key in _metrics(series) if key.startswith(kind) and key.endswith("/mean"))
    return list(dict.fromkeys(key.removeprefix(kind).removesuffix("/mean") for key in keys))


def _metrics(series: Sequence[Series]) -> dict[str, None]:
    return {
        key: None for experiment in series for run in experiment.runs for step in run.steps.values() for key in step
    }
