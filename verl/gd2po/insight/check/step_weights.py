"""The weight of each reward in the step of each rollout, where a dump, a log or a schedule tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gd2po.defaults import WEIGHT
from gd2po.insight.check.rollouts import Codes, Numbers
from gd2po.insight.metric_lines import MetricLines
from gd2po.settings import RewardSettings
from gd2po.weights import weight_at

NO_STEP = -1
"""Stands for the step of a rollout whose step is not known."""


@dataclass(frozen=True)
class RowWeights:
    """Weights by rollout.

    Attributes:
        values: The weight of each reward for each rollout [K, n].
        move: Whether some weight is not the same for all rollouts.
        notes: The weights that moved, with their source, and those that are not known, in sentences.
    """

    values: Numbers
    move: bool
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

    def weigh(self, names: Sequence[str], steps: Codes, dumped: Mapping[str, Numbers]) -> RowWeights:
        """The weights of n rollouts.

        Args:
            names: The names of the K rewards.
            steps: The step of each rollout [n], :data:`NO_STEP` where it is not known.
            dumped: Reward → its weight for each rollout [n] as a dump has it, NaN where it has none.
        """
        final = self.final(names)
        moving = [name for name in names if name not in self.named and (self._moves(name) or name in dumped)]
        values = np.broadcast_to(np.array([[final[name]] for name in names]), (len(names), len(steps)))
        if not moving:
            return RowWeights(values, False, ())
        values, notes = values.copy(), []
        rows = {name: values[names.index(name)] for name in moving}
        for name, row in rows.items():
            row[:] = dumped.get(name, np.nan)
            self._fill_from_schedule(name, steps, row)
        self._fill_from_log(steps, rows)
        for name, row in rows.items():
            unknown = np.isnan(row)
            row[unknown] = final[name]
            if unknown.any():
                notes.append(self._not_known(name, int(unknown.sum()), len(row), final[name]))
        ranges = {name: (row.min(), row.max()) for name, row in rows.items()}
        if moved := [f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items() if low != high]:
            notes.insert(0, f"weights that moved count as in the step of each rollout: {', '.join(moved)}")
        return RowWeights(values, bool(moved), tuple(notes))

    def _fill_from_schedule(self, name: str, steps: Codes, row: Numbers) -> None:
        reward = self.settings.get(name)
        if reward is not None and reward.target is None:
            _fill(row, steps, {step: weight_at(reward.weight, step) for step in np.unique(steps).tolist() if step > 0})

    def _fill_from_log(self, steps: Codes, rows: Mapping[str, Numbers]) -> None:
        """Look into the files of verl's file logger, which are read only where a weight is not known yet."""
        if self.folder is None or not any(np.isnan(row).any() for row in rows.values()):
            return
        for path in sorted(self.folder.glob("metrics*.jsonl"), reverse=True):
            log = MetricLines(path)
            log.read_on()
            for name, row in rows.items():
                key = f"reward/{name}/weight"
                _fill(row, steps, {step: metrics[key] for step, metrics in log.steps.items() if key in metrics})

    def _moves(self, name: str) -> bool:
        reward = self.settings.get(name)
        return reward is not None and (reward.target is not None or not isinstance(reward.weight, float))

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
