"""Rules that choose a method before, or halfway through, a training, and how their choices fare."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gd2po.lab.comparing import Numbers
from gd2po.lab.methods import PUBLISHED, REFERENCE
from gd2po.lab.results import Stage, Update

Updates = Mapping[str, Update]
"""Method → its update at one stage of one world."""

CANDIDATES = (*PUBLISHED, "gdpo_floored", "gdpo_shrunk", "gdpo_pooled", "gd2po_guard", "gd2po_soft", "gd2po_share")
"""The methods among which rules choose."""

CHECK = "what check suggests"
UNFILTERED = "gdpo_shrunk"
"""What it suggests where no filter is justified."""

ALWAYS = ("gdpo", "grpo", "gdpo_floored", "gdpo_shrunk", "gdpo_pooled", "gd2po_hard", "gd2po_snr0.8", "gd2po_snr0.2")


def fixed_rules() -> Iterator[tuple[str, str]]:
    """Rule → the method that it always chooses."""
    for method in ALWAYS:
        yield f"always {method}", method


def checked_rules(chosen: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Rule → the choice for each seed, from what `check` suggests."""
    yield CHECK, list(chosen)
    for default in (REFERENCE, "gdpo_floored", "gdpo_pooled"):
        yield f"{CHECK}, {default} for {UNFILTERED}", [default if name == UNFILTERED else name for name in chosen]


def scored_rules(updates: Updates, weights: Sequence[float]) -> Iterator[tuple[str, list[str]]]:
    """Rule → the choice for each seed: the candidate with the largest figure of its predicted gains."""
    candidates = [name for name in CANDIDATES if name in updates]
    share = np.asarray(weights) / np.sum(weights)

    def summed(values: Numbers) -> Numbers:
        return share @ values

    def least(values: Numbers) -> Numbers:
        return values.min(0)

    figures: tuple[tuple[str, Callable[[Update], Mapping[str, Sequence[float]]], Callable[[Numbers], Numbers]], ...] = (
        ("largest summed gain", lambda update: update.gain, summed),
        ("largest least gain", lambda update: update.gain, least),
        ("largest summed gain in pooled units", lambda update: update.pooled_gain, summed),
        ("largest least gain in pooled units", lambda update: update.pooled_gain, least),
        ("largest summed certainty", lambda update: update.certainty, summed),
        ("largest least certainty", lambda update: update.certainty, least),
    )
    for rule, gains_of, figure in figures:
        table = np.stack(
            [figure(np.asarray(list(gains_of(updates[name]).values()))) for name in candidates]
        )  # [methods, S]
        yield rule, [candidates[place] for place in table.argmax(0)]


def shortfalls(choices: Sequence[str], finals: Mapping[str, Numbers]) -> tuple[float, float]:
    """How far choices fall short of the best candidate, and the share of them that are within noise of it.

    Args:
        choices: The methods that a rule chose, one for each seed it saw.
        finals: Candidate → the weighted mean of the gold rewards at the end [S].
    """
    best = max(finals, key=lambda name: finals[name].mean())
    lost = [finals[best].mean() - finals[name].mean() for name in choices]
    return float(np.mean(lost)), float(np.mean([within_noise(finals[name], finals[best]) for name in choices]))


def within_noise(values: Numbers, best: Numbers) -> bool:
    """Whether a method is less than two standard errors of the paired difference below the best."""
    below = best - values
    return bool(below.mean() <= 2 * below.std(ddof=1) / np.sqrt(len(below)) + 1e-12)


STAGES: tuple[Stage, ...] = ("start", "halfway")
