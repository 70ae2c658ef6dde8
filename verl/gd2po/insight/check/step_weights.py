"""The weight of each reward in the step of each rollout, where a dump, a log or a schedule tells it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic_core import from_json

from gd2po.defaults import WEIGHT
from gd2po.insight.check.rollouts import Codes, Numbers
from gd2po.settings import RewardSettings
from gd2po.weights import weight_at

NO_STEP = -1
"""Stands for the step of a rollout whose step is not known."""


@dataclass(frozen=True)
class RowWeights:
    """Weights by rollout.

    Attributes:
        values: The weight of each reward for each rollout [K, n].
        notes: The weights that moved, with their source, and those that are not known, in sentences.
    """

    values: Numbers
    notes: tuple[str, ...]


@dataclass(frozen=True)
class WeightSources:
    """What tells weights, beside the columns of a dump.

    Attributes:
        named: Reward → weight, as the user has named it; it holds for all rollouts.
        settings: Reward → its settings in the run, for the rewards that the run has.
        folder: The folder of the run, in which a log may lie; None if there is none.
    """

    named: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, RewardSettings] = field(default_factory=dict)
    folder: Path | None = None

    def final(self, names: Sequence[str]) -> dict[str, float]:
        """Reward → weight where no step is known: the end of a schedule, and the first multiplier of a target."""
        run = {name: reward.final_weight for name, reward in self.settings.items()}
        return {name: self.named.get(name, run.get(name, WEIGHT)) for name in names}

    def weigh(self, names: Sequence[str], steps: Codes, told: Numbers) -> RowWeights:
        """The weights of n rollouts.

        Args:
            names: The names of the K rewards.
            steps: The step of each rollout [n], :data:`NO_STEP` where it is not known.
            told: The weights that a dump tells [K, n], NaN where it tells none.
        """
        values = np.array([self._of(name, steps, row) for name, row in zip(names, told, strict=True)])
        notes: list[str] = []
        if logged := self._logged(names, values):
            for row, name in zip(values, names, strict=True):
                _fill(row, steps, {step: weights[name] for step, weights in logged.items() if name in weights})
        for row, (name, weight) in zip(values, self.final(names).items(), strict=True):
            unknown = np.isnan(row)
            row[unknown] = weight
            if unknown.any():
                notes.append(self._not_known(name, int(unknown.sum()), len(row), weight))
        moved = [
            f"{name} {row.min():g} to {row.max():g}" for row, name in zip(values, names, strict=True) if _moved(row)
        ]
        if moved:
            notes.insert(0, f"weights that moved count as in the step of each rollout: {', '.join(moved)}")
        return RowWeights(values, tuple(notes))

    def _of(self, name: str, steps: Codes, told: Numbers) -> Numbers:
        """The weights of one reward [n]: as named, told or scheduled; NaN where only a log may tell."""
        reward = self.settings.get(name)
        if name in self.named or not (self._moves(name) or (~np.isnan(told)).any()):
            return np.full(len(told), self.final([name])[name])
        values = told.copy()
        if reward is not None and reward.target is None:
            _fill(values, steps, {step: weight_at(reward.weight, step) for step in set(steps.tolist()) if step > 0})
        return values

    def _moves(self, name: str) -> bool:
        reward = self.settings.get(name)
        return reward is not None and (reward.target is not None or not isinstance(reward.weight, float))

    def _logged(self, names: Sequence[str], values: Numbers) -> dict[int, dict[str, float]]:
        """Step → reward → weight, from the files of verl's file logger; read only where a weight is not known."""
        if self.folder is None or not np.isnan(values).any():
            return {}
        logged: dict[int, dict[str, float]] = {}
        for path in sorted(self.folder.glob("metrics*.jsonl")):
            for step, metrics in _entries(path):
                weights = {name: metrics.get(f"reward/{name}/weight") for name in names}
                logged.setdefault(step, {}).update(
                    {name: float(weight) for name, weight in weights.items() if isinstance(weight, int | float)}
                )
        return logged

    def _not_known(self, name: str, unknown: int, rollouts: int, weight: float) -> str:
        reward = self.settings.get(name)
        if reward is None or not self._moves(name):
            source = "the default" if reward is None else "the weight of the settings"
        else:
            source = "the first multiplier" if reward.target is not None else "the end of its schedule"
        return (
            f"the weight of {name} moved, and is not known for {unknown} of {rollouts} rollouts (no column "
            f"weight/{name}, and no log or schedule with their step): {weight:g}, {source}, counts for them; "
            f"--weights {name}=… says another"
        )


def _fill(values: Numbers, steps: Codes, weights: Mapping[int, float]) -> None:
    """Put the weight of its step into each place that has none."""
    for step, weight in weights.items():
        values[np.isnan(values) & (steps == step)] = weight


def _moved(values: Numbers) -> bool:
    return bool(len(values)) and values.min() != values.max()


def _entries(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Step and metrics of each line of verl's file logger; other lines are none."""
    with path.open("rb") as file:
        for line in file:
            try:
                entry = from_json(line)
                yield int(entry["step"]), entry["data"]
            except (ValueError, LookupError, TypeError):
                continue
