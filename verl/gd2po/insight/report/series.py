"""Runs that differ in nothing but their seed are one series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gd2po.insight.report.run import Run

_SHOWN_IN_LABEL = 2


@dataclass(frozen=True, eq=False)
class Series:
    """Runs of one experiment.

    Attributes:
        label: The name of the method; with settings, where other series have the same method.
        number: The place in the report, which chooses the colour.
        runs: The runs, one per seed.
    """

    label: str
    number: int
    runs: tuple[Run, ...]

    @property
    def identity(self) -> Mapping[str, Any]:
        """Settings that make the experiment, whatever the seed."""
        return self.runs[0].description.identity


def group(runs: Sequence[Run]) -> list[Series]:
    """``runs`` by experiment, in the order given. A run whose settings are not known is a series of its own."""
    parts: list[list[Run]] = []
    for run in runs:
        home = next((part for part in parts if part[0].description.identity == run.description.identity != {}), None)
        if home is None:
            parts.append([run])
        else:
            home.append(run)
    return _told_apart([Series(_label(part[0]), number, tuple(part)) for number, part in enumerate(parts)])


def differences(series: Sequence[Series]) -> dict[str, list[Any]]:
    """Setting → its value in each series, for those that differ; None where a series has no such setting."""
    known = dict.fromkeys(key for experiment in series for key in experiment.identity)
    values = {key: [experiment.identity.get(key) for experiment in series] for key in known}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def _label(run: Run) -> str:
    return run.description.method or run.folder.name


def _told_apart(series: list[Series]) -> list[Series]:
    """The series, each with a label of its own: with the first differing settings, or at last with the folder."""
    for detail in (_settings, lambda member, same: str(member.runs[0].folder)):
        named = {label: [member for member in series if member.label == label] for label in {s.label for s in series}}
        series = [
            replace(member, label=f"{member.label}, {detail(member, same)}") if len(same) > 1 else member
            for member, same in ((member, named[member.label]) for member in series)
        ]
    return series


def _settings(member: Series, same: Sequence[Series]) -> str:
    differing = list(differences(same))[:_SHOWN_IN_LABEL]
    return ", ".join(f"{key.rpartition('.')[2]} {member.identity.get(key)}" for key in differing) or "settings unknown"
