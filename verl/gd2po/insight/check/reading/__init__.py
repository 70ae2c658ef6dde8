"""Files of rollouts to numbers, chunk by chunk: a file may be larger than the memory, its ids and scores may not."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gd2po.advantages.checks import signs, weights
from gd2po.defaults import DIRECTION, Direction
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.assembly import assemble
from gd2po.insight.check.reading.columns import find_roles
from gd2po.insight.check.reading.files import open_sources
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.gathering import Gathering
from gd2po.insight.check.reading.run_settings import RunSettings, settings_beside
from gd2po.insight.check.reading.streams import readable
from gd2po.insight.check.rollouts import Rollouts
from gd2po.insight.check.step_weights import WeightSources
from gd2po.settings import RewardSettings


def read(names: Sequence[str], choice: Choice) -> Rollouts:
    """All rollouts of these files.

    Args:
        names: Names of files and of folders of files, or ``-`` for the standard input.
        choice: The columns and settings that the user has named.

    Raises:
        CheckError: a file is no such file, has no two rewards or no groups, or no good row.
        SettingsError: a weight or direction is wrong.
    """
    files = open_sources(names)
    sources = [FlatSource(file, choice.scores) for file in files]
    settings = settings_beside(files)
    roles = find_roles(sources, choice, settings)
    for source in sources:
        if roles.group not in source.kinds:
            raise CheckError(f"{source.name} has no column {roles.group!r}, which tells the prompt in other files")
        if doubled := [name for name in source.doubled if name in roles.columns]:
            raise CheckError(
                f"{source.name} has two columns with the name {', '.join(map(repr, doubled))}: one is inside of an "
                "object, or has spaces around its name; rename or drop one of them"
            )
    for name in roles.rewards.values():
        scales = {source.name: _scale(source, name) for source in sources if source.kinds.get(name, "empty") != "empty"}
        if len(set(scales.values())) > 1:
            raise CheckError(
                f"{name} is written on different scales: "
                + ", ".join(f"{file} ({scale or 'plain numbers'})" for file, scale in scales.items())
                + "; write it alike in all files"
            )
    run = {name: reward for name, reward in (settings.rewards or {}).items() if name in roles.rewards}
    weight_sources = WeightSources(choice.weights, run, Path(settings.file).parent if settings.file else None)
    chosen_directions: dict[str, Direction] = {
        **dict.fromkeys(roles.rewards, DIRECTION),
        **{name: reward.direction for name, reward in run.items()},
        **choice.directions,
    }
    # Both are called for what they refuse.
    weights({**weight_sources.final(list(roles.rewards)), **choice.weights}, roles.rewards)
    signs(chosen_directions, roles.rewards)
    gates = {
        name: reward.requires
        for name, reward in run.items()
        if reward.requires and reward.requires.keys() <= run.keys()
    }
    gathering = Gathering(roles)
    for source in sources:
        with readable(source.name):
            for chunk in source.chunks(roles.columns, gathering.faults):
                gathering.add(source, chunk)
    notes = (*_about_settings(settings, run, gates), *roles.notes)
    return assemble(sources, gathering, weight_sources, chosen_directions, gates, notes)


def _scale(source: FlatSource, name: str) -> str:
    """What is read on which scale in a column, in words; empty for plain numbers."""
    return next((notation.note for notation in source.notations.get(name, ()) if notation.scaled), "")


def _weight_text(reward: RewardSettings) -> str:
    """The weight of the settings: a number, a schedule, or a constraint."""
    if reward.target is None and isinstance(reward.weight, float):
        return f"{reward.weight:g}"
    return f"({reward.constraint or reward.weight})"


def _about_settings(
    settings: RunSettings, run: Mapping[str, RewardSettings], gates: Mapping[str, Mapping[str, float]]
) -> Iterator[str]:
    if settings.problem:
        yield settings.problem
    if not run:
        return
    yield (
        f"weights and directions are those of {settings.file}, where no option says otherwise: "
        + ", ".join(f"{name} {_weight_text(reward)} {reward.direction}" for name, reward in run.items())
    )
    for name, requires in gates.items():
        conditions = ", ".join(f"{other} ≥ {least:g}" for other, least in requires.items())
        yield f"{name} counts only where {conditions}, as in the run; elsewhere it is 0"
    for name, reward in run.items():
        if reward.requires and name not in gates:
            yield f"{name} requires rewards that are not checked here ({', '.join(reward.requires)}): not applied"
