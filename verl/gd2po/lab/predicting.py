"""Choices of a method and predicted gains, both made from rollouts alone, beside what happened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from scipy import stats

from gd2po.lab.comparing import Numbers, mean_interval
from gd2po.lab.methods import REFERENCE
from gd2po.lab.outcomes import Ends, Record, ends, rounded, rounded_mean, weighted_mean
from gd2po.lab.results import Result, Stage, Verdicts
from gd2po.lab.rules import CANDIDATES, STAGES, checked_rules, fixed_rules, scored_rules, shortfalls

Worlds = Mapping[str, Mapping[str, Result]]
"""World → method → result."""


class RuleOutcome(Record):
    """How the choices of a rule fare in a set of worlds.

    Attributes:
        shortfall: The mean distance to the best candidate of each world, with its interval over worlds.
        within: The share of the choices that are within noise of the best candidate.
        against: The mean difference to always choosing the reference, with its interval over worlds.
    """

    shortfall: Ends
    within: float
    against: Ends


class Prediction(Record):
    """Predicted gains beside what happened in the next 25 steps.

    Attributes:
        ranks: The mean over worlds of the rank correlation, over methods, of the predicted with the real summed change.
        ranks_pooled: The same for gains in units of the batch's spread.
        fell_negative: The share of falling gold rewards where the predicted gain is below 0 beyond its noise.
        fell_positive: The same where it is above 0 beyond its noise.
        negative: The number of cells with such a negative gain.
        positive: The number of cells with such a positive gain.
    """

    ranks: Ends
    ranks_pooled: Ends
    fell_negative: float
    fell_positive: float
    negative: int
    positive: int


def rule_outcomes(worlds: Worlds, verdicts: Mapping[str, Verdicts]) -> dict[str, dict[str, RuleOutcome]]:
    """Stage → rule → how its choices fare, of rules that chose in all worlds of the set."""
    return {stage: outcomes for stage in STAGES if (outcomes := _rules_at(stage, worlds, verdicts))}


def predictions(worlds: Worlds) -> dict[Stage, Prediction]:
    """Stage → the predicted gains beside what happened, of stages at which updates were looked at."""
    return {
        stage: _prediction(worlds.values(), stage)
        for stage in STAGES
        if any(stage in methods[REFERENCE].updates for methods in worlds.values())
    }


def _rules_at(stage: Stage, worlds: Worlds, verdicts: Mapping[str, Verdicts]) -> dict[str, RuleOutcome]:
    lost: dict[str, list[float]] = defaultdict(list)
    within: dict[str, list[float]] = defaultdict(list)
    candidates = [name for name in CANDIDATES if all(name in methods for methods in worlds.values())]
    for world, methods in worlds.items():
        results = {name: methods[name] for name in candidates}
        finals = {name: weighted_mean(result)[-1] for name, result in results.items()}
        choices = {rule: [method] for rule, method in fixed_rules()}
        if world in verdicts:
            choices |= dict(checked_rules(verdicts[world].chosen[stage]))
        if all(stage in result.updates for result in results.values()):
            updates = {name: result.updates[stage] for name, result in results.items()}
            choices |= dict(scored_rules(updates, methods[REFERENCE].task.weights))
        for rule, chosen in choices.items():
            if not set(chosen) <= set(candidates):
                continue
            shortfall, share = shortfalls(chosen, finals)
            lost[rule].append(shortfall)
            within[rule].append(share)
    usual = np.asarray(lost.get(f"always {REFERENCE}", ()))
    return {
        rule: RuleOutcome(
            shortfall=ends(mean_interval(np.asarray(values))),
            within=rounded(float(np.mean(within[rule]))),
            against=ends(mean_interval(usual - np.asarray(values))),
        )
        for rule, values in lost.items()
        if len(values) == len(usual) and len(values) > 1
    }


def _prediction(worlds: Iterable[Mapping[str, Result]], stage: Stage) -> Prediction:
    ranks, ranks_pooled = [], []
    fell: dict[bool, list[bool]] = {True: [], False: []}
    for methods in worlds:
        rows = []
        for result in methods.values():
            update = result.updates[stage]
            share = np.asarray(result.task.weights) / np.sum(result.task.weights)
            gain, pooled, change = (
                np.asarray(list(values.values())) for values in (update.gain, update.pooled_gain, update.change)
            )
            noise = gain.std(1, ddof=1) / np.sqrt(gain.shape[1])
            for expected, error, real in zip(gain.mean(1), noise, change.mean(1), strict=True):
                if abs(expected) > 2 * error:
                    fell[bool(expected < 0)].append(bool(real < 0))
            if result.method in CANDIDATES:
                rows.append([float(share @ values.mean(1)) for values in (gain, pooled, change)])
        if len(rows) > 2:
            predicted, predicted_pooled, real = np.asarray(rows).T
            ranks.append(_rank_correlation(predicted, real))
            ranks_pooled.append(_rank_correlation(predicted_pooled, real))
    return Prediction(
        ranks=ends(mean_interval(np.asarray(ranks or [np.nan]))),
        ranks_pooled=ends(mean_interval(np.asarray(ranks_pooled or [np.nan]))),
        fell_negative=rounded_mean(fell[True]),
        fell_positive=rounded_mean(fell[False]),
        negative=len(fell[True]),
        positive=len(fell[False]),
    )


def _rank_correlation(predicted: Numbers, real: Numbers) -> float:
    """Spearman's coefficient, with predictions that differ by rounding taken as equal; 0 where all are equal."""
    predicted = predicted.round(4)
    if np.ptp(predicted) == 0 or np.ptp(real) == 0:
        return 0.0
    return float(stats.spearmanr(predicted, real).statistic)
