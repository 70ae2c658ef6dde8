"""Files of rollouts to numbers, chunk by chunk: a file may be larger than the memory, its ids and scores may not."""

from collections.abc import Sequence

from gd2po.advantages.checks import signs, weights
from gd2po.defaults import DIRECTION, Direction
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.columns import ColumnRoles, find_roles
from gd2po.insight.check.reading.files import open_sources
from gd2po.insight.check.reading.flat import FlatSource
from gd2po.insight.check.reading.gathering import Gathering
from gd2po.insight.check.reading.run_settings import settings_beside
from gd2po.insight.check.reading.streams import readable
from gd2po.insight.check.rollouts import Rollouts
from gd2po.insight.check.step_weights import WeightSources


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
    _check_columns(sources, roles)
    run = settings.of(roles.rewards)
    weight_sources = WeightSources(choice.weights, run.rewards, run.folder)
    chosen_directions: dict[str, Direction] = {
        **dict.fromkeys(roles.rewards, DIRECTION),
        **{name: reward.direction for name, reward in run.rewards.items()},
        **choice.directions,
    }
    # Both are called for what they refuse.
    weights({**weight_sources.final(list(roles.rewards)), **choice.weights}, roles.rewards)
    signs(chosen_directions, roles.rewards)
    gathering = Gathering(roles)
    for source in sources:
        with readable(source.name):
            gathering.add(source)
    return gathering.rollouts(weight_sources, chosen_directions, run)


def _check_columns(sources: Sequence[FlatSource], roles: ColumnRoles) -> None:
    """Refuse files without groups, with two columns of one name that is read, or with a reward on two scales."""
    for source in sources:
        if roles.group not in source.kinds:
            raise CheckError(f"{source.name} has no column {roles.group!r}, which tells the prompt in other files")
        if doubled := [name for name in source.doubled if name in roles.columns]:
            raise CheckError(
                f"{source.name} has two columns with the name {', '.join(map(repr, doubled))}: one is inside of an "
                "object, or has spaces around its name; rename or drop one of them"
            )
    for name in roles.rewards.values():
        scales = {source.name: source.scale(name) for source in sources if source.kinds.get(name, "empty") != "empty"}
        if len(set(scales.values())) > 1:
            raise CheckError(
                f"{name} is written on different scales: "
                + ", ".join(f"{file} ({scale or 'plain numbers'})" for file, scale in scales.items())
                + "; write it alike in all files"
            )
