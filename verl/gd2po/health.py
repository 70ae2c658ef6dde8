"""Warnings about a training that goes quietly wrong: each once, with the step, the figure and the remedy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

KEPT_AT_LEAST = 0.3
EMPTIED_AT_MOST = 0.2
UPDATE_SHARE_AT_MOST = 0.9
MISSING_AT_MOST = 0.05
GROUPS_AT_LEAST = 2
NEGATIVE_GAIN_STEPS = 10
"""The number of steps in a row after which a negative gain is no accident."""

Metrics = Mapping[str, float]


@dataclass
class Health:
    """The warnings of a training, each given once.

    Attributes:
        rewards: The names of the rewards that count.
        filters: Whether rollouts can be masked.
    """

    rewards: tuple[str, ...]
    filters: bool
    _given: set[str] = field(default_factory=set)
    _negative: dict[str, list[Metrics]] = field(default_factory=dict)

    def warnings(self, step: int, metrics: Metrics) -> list[str]:
        """The warnings that are new in this step.

        Args:
            step: The step of the training.
            metrics: The metrics of :mod:`gd2po.advantages.metrics`, `reward/<name>/weight` and `rollouts/lost`.
        """
        warnings = [*_lost(metrics), *self._rewards(metrics), *self._gains(metrics)]
        warnings += [*_population(metrics), *_groups(metrics)]
        warnings += _filtering(metrics) if self.filters else ()
        new = [(rule, text) for rule, text in warnings if rule not in self._given]
        self._given.update(rule for rule, _ in new)
        return [f"step {step}: {text}" for _, text in new]

    def _rewards(self, metrics: Metrics) -> Iterator[tuple[str, str]]:
        groups = metrics["groups/count"] - metrics["groups/singletons"]
        rows = metrics["rollouts/count"] + metrics["rollouts/unscored"]
        for name in self.rewards:
            ties, missing = metrics[f"adv/{name}/zero_spread_groups"], metrics[f"reward/{name}/missing"]
            share = metrics[f"update/{name}/share"]
            if groups and ties >= groups:
                yield (
                    f"dead/{name}",
                    f"reward {name} is the same for all rollouts of each of the {groups:g} prompts, so nothing is "
                    "learned from it; check the reward, the sampling temperature, and whether the prompts are too easy "
                    "or too hard for it",
                )
            if len(self.rewards) > 1 and share > UPDATE_SHARE_AT_MOST:
                yield (
                    f"dominant/{name}",
                    f"reward {name} makes {share:.0%} of the update, so the others hardly count; under grpo rewards on "
                    "larger scales dominate: use gdpo or gd2po, or change the weights",
                )
            if missing > MISSING_AT_MOST * rows:
                yield (
                    f"missing/{name}",
                    f"reward {name} did not score {missing:g} of {rows:g} rollouts; look at its function or its model "
                    "(reward_model/… metrics)",
                )

    def _gains(self, metrics: Metrics) -> Iterator[tuple[str, str]]:
        """Rewards whose gain has been negative for :data:`NEGATIVE_GAIN_STEPS` steps in a row."""
        for name in self.rewards:
            if self._gain(name, metrics) >= 0:
                self._negative.pop(name, None)
                continue
            steps = self._negative.setdefault(name, [])
            steps.append(metrics)
            del steps[:-NEGATIVE_GAIN_STEPS]
            if len(steps) == NEGATIVE_GAIN_STEPS:
                yield f"gain/{name}", self._negative_gain(name, steps)

    def _negative_gain(self, name: str, steps: Sequence[Metrics]) -> str:
        gain, unfiltered = (
            sum(self._gain(name, step, figure) for step in steps) / len(steps) for figure in ("gain", "gain_unfiltered")
        )
        text = (
            f"the update has been pushing reward {name} down for {len(steps)} steps (mean gain {gain:.2f})"
            f"{self._outweighed_by(name, steps)}; "
        )
        if unfiltered >= 0:
            return f"{text}without the filter its mean gain would be {unfiltered:.2f}: use gdpo, or a milder filter"
        return (
            f"{text}raise its weight, lower theirs, or remove a reward that it contradicts; gd2po check on the "
            "rollouts of this run tells whether a filter would turn its gain positive"
        )

    def _outweighed_by(self, name: str, steps: Sequence[Metrics]) -> str:
        """The rewards that the update raises, the one that contradicts this one most and weighs most first."""
        pull = {
            other: sum(step[f"update/{other}/share"] * _pair(step, name, other) for step in steps)
            for other in self.rewards
            if other != name and sum(self._gain(other, step) for step in steps) > 0
        }
        against = [other for other in sorted(pull, key=lambda other: -pull[other]) if pull[other] > 0]
        if not against:
            return ""
        shares = (sum(step[f"update/{other}/share"] for step in steps) / len(steps) for other in against)
        named = (f"{other} ({share:.0%} of the update)" for other, share in zip(against, shares, strict=True))
        return f", outweighed by {', '.join(named)}"

    def _gain(self, name: str, metrics: Metrics, figure: str = "gain") -> float:
        """The gain in the direction of the weight of the step; 0 where the weight is 0."""
        weight = metrics[f"reward/{name}/weight"]
        return metrics[f"update/{name}/{figure}"] * ((weight > 0) - (weight < 0))


def _pair(metrics: Metrics, first: str, second: str) -> float:
    """The share of the rollouts on which two rewards vote in opposite ways."""
    return metrics["conflict/pair/{}|{}".format(*sorted((first, second)))]


def _lost(metrics: Metrics) -> Iterator[tuple[str, str]]:
    if lost := metrics["rollouts/lost"]:
        yield (
            "lost",
            f"{lost:g} rollouts ended in an error and are not trained on; the log has it after 'Error in _run_prompt'",
        )


def _groups(metrics: Metrics) -> Iterator[tuple[str, str]]:
    """verl's group filter, where it is on."""
    if thrown := metrics.get("filter_groups/evicted_with_vote"):
        yield (
            "group filter",
            f"verl's group filter threw away {thrown:g} prompts on which a reward has a vote; set "
            "algorithm.filter_groups.metric=gd2po",
        )
    if kept := metrics.get("filter_groups/kept_without_vote"):
        yield (
            "groups without a vote",
            f"{kept:g} of {metrics['groups/count']:g} prompts are trained on without a vote that lives; set "
            "algorithm.filter_groups.metric=gd2po with a larger max_num_gen_batches, use a milder filter of conflicts, "
            "or look at the rewards",
        )


def _population(metrics: Metrics) -> Iterator[tuple[str, str]]:
    left = metrics["groups/count"] - metrics["conflict/emptied_groups"]
    if metrics["whiten/population"] and left < GROUPS_AT_LEAST:
        yield (
            "population",
            f"{left:g} of {metrics['groups/count']:g} prompts are left to whiten over, so the scale of the update is "
            "that of a single prompt; use larger batches or a milder filter",
        )


def _filtering(metrics: Metrics) -> Iterator[tuple[str, str]]:
    groups, emptied = metrics["groups/count"], metrics["conflict/emptied_groups"]
    if metrics["rollouts/count"] and metrics["conflict/kept"] < KEPT_AT_LEAST:
        yield (
            "kept",
            f"only {metrics['conflict/kept']:.0%} of the rollouts are kept; use filter.kind=snr with a lower "
            "threshold, fewer rewards, or gdpo",
        )
    if emptied > EMPTIED_AT_MOST * groups:
        yield (
            "emptied",
            f"{emptied:g} of {groups:g} prompts lost all their rollouts to the filter and teach nothing; raise "
            "rollout.n, or use filter.kind=snr with a lower threshold",
        )
