"""One model's answers against a second one's, prompt by prompt.

==========================  =======================================================================================
``<reward>/wins``           share of the prompts on which the score is better, ties counting half
``<reward>/difference``     mean of the differences of the raw scores
``improved_on_all``         share of the prompts on which every reward is better
==========================  =======================================================================================

Better is higher, or lower where the reward's direction is ``minimize``. A prompt takes part where both models have the
score. Intervals are those of :func:`gd2po.intervals.clustered_mean`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gd2po.evaluation.generation import Decoding
from gd2po.evaluation.results import SAMPLES, SHARE, ResultError, Score, Summary, mean_score, read_summary
from gd2po.evaluation.safety.summary import Sample, better_of, by_group
from gd2po.settings import RewardSettings

_NAMED = ("benchmark", *Decoding.__dataclass_fields__)
WINS, DIFFERENCE, IMPROVED = "wins", "difference", "improved_on_all"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The second model: its result, and its samples by id."""

    summary: Summary
    samples: Mapping[str, Sample]


def read_baseline(folder: Path) -> Baseline:
    """The baseline in a result folder of this benchmark.

    Raises:
        ResultError: The folder holds no result.
    """
    summary = read_summary(folder)
    try:
        with (folder / SAMPLES).open(encoding="utf-8") as file:
            samples = {sample["id"]: sample for sample in map(json.loads, file)}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ResultError(f"{folder / SAMPLES} cannot be read: {error!r}; evaluate that model again") from error
    return Baseline(summary, samples)


def check_comparable(
    baseline: Baseline, benchmark: str, version: Mapping[str, str], decoding: Mapping[str, Any], ids: Iterable[str]
) -> None:
    """Refuse a result of other prompts, other reward models or another decoding.

    Raises:
        ResultError: The results differ in the conditions that the message names.
    """
    mine = {"benchmark": benchmark, **version, **decoding}
    theirs = {"benchmark": baseline.summary.benchmark, **baseline.summary.version, **baseline.summary.decoding}
    if different := [name for name in mine | theirs if mine.get(name) != theirs.get(name)]:
        changes = "; ".join(_difference(name, mine, theirs) for name in different)
        raise ResultError(
            f"the result of {baseline.summary.model} cannot be compared with this one: {changes}. Evaluate both models "
            "with the same prompts, reward models and lengths"
        )
    if unshared := set(ids) ^ baseline.samples.keys():
        raise ResultError(
            f"the result of {baseline.summary.model} is about other prompts: {len(unshared)} are in one of the two "
            f"only, such as {min(unshared)}; evaluate both with the same --data and --limit"
        )


def _difference(name: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    if name not in mine or name not in theirs:
        return f"{name} is {'here' if name in mine else 'there'} only"
    if name in _NAMED:
        return f"{name} is {mine[name]} here and {theirs[name]} there"
    return f"{name} has another content or other settings there"


def compare(
    samples: Sequence[Sample], baseline: Baseline, rewards: Mapping[str, RewardSettings]
) -> tuple[tuple[Score, ...], tuple[str, ...]]:
    """The scores of every data source, and the remarks beside them."""
    scores: list[Score] = []
    notes = [f"compared with {baseline.summary.model}: wins, difference and improved_on_all"]
    for group, of_group in by_group(samples).items():
        for name, reward in rewards.items():
            pairs = _pairs(of_group, baseline, [name])
            if missing := len(of_group) - len(pairs):
                notes.append(f"{group}: {missing} of {len(of_group)} prompts lack a {name} score to compare")
            scores += _of_reward(f"{group}/{name}", pairs, name, reward)
        scores += _of_all(group, _pairs(of_group, baseline, list(rewards)), rewards)
    return tuple(scores), tuple(notes)


def _pairs(samples: Sequence[Sample], baseline: Baseline, names: Sequence[str]) -> list[tuple[Sample, Sample]]:
    """The samples of both models that have all these scores."""
    pairs = [(sample, baseline.samples[sample["id"]]) for sample in samples]
    return [pair for pair in pairs if all(sample[f"score/{name}"] is not None for sample in pair for name in names)]


def _of_reward(
    prefix: str, pairs: Sequence[tuple[Sample, Sample]], name: str, reward: RewardSettings
) -> Iterable[Score]:
    prompts = [mine["prompt"] for mine, _ in pairs]
    gains = [_gain(pair, name, reward) for pair in pairs]
    wins = [(gain > 0) + 0.5 * (gain == 0) for gain in gains]
    yield from mean_score(f"{prefix}/{WINS}", wins, prompts, SHARE, "higher")
    raw = [_raw_difference(pair, name) for pair in pairs]
    yield from mean_score(f"{prefix}/{DIFFERENCE}", raw, prompts, DIFFERENCE, better_of(reward))


def _of_all(
    group: str, pairs: Sequence[tuple[Sample, Sample]], rewards: Mapping[str, RewardSettings]
) -> Iterable[Score]:
    joint = [float(all(_gain(pair, name, reward) > 0 for name, reward in rewards.items())) for pair in pairs]
    yield from mean_score(f"{group}/{IMPROVED}", joint, [mine["prompt"] for mine, _ in pairs], SHARE, "higher")


def _gain(pair: tuple[Sample, Sample], name: str, reward: RewardSettings) -> float:
    """The advance of the first answer: its difference, with the sign of the reward's direction."""
    return _raw_difference(pair, name) * (1 if reward.direction == "maximize" else -1)


def _raw_difference(pair: tuple[Sample, Sample], name: str) -> float:
    """First score less second; 0 for the same text, whose scores may differ by the rounding of a padded batch."""
    mine, other = pair
    if (mine["prompt"], mine["output"]) == (other["prompt"], other["output"]):
        return 0.0
    return float(mine[f"score/{name}"] - other[f"score/{name}"])
