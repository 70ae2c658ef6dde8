"""Files of rollouts to numbers, chunk by chunk: a file may be larger than the memory, its ids and scores may not."""

from collections.abc import Sequence

from gd2po.advantages.checks import signs, weights
from gd2po.defaults import DIRECTION, WEIGHT, Direction
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading.assembly import assemble
from gd2po.insight.check.reading.columns import find_roles
from gd2po.insight.check.reading.files import open_sources, readable
from gd2po.insight.check.reading.gathering import Gathering
from gd2po.insight.check.reading.sources import merged
from gd2po.insight.check.rollouts import Rollouts


def read(names: Sequence[str], choice: Choice) -> Rollouts:
    """All rollouts of these files.

    Args:
        names: Names of files and of folders of files, or ``-`` for JSON lines on the standard input.
        choice: The columns and settings that the user has named.

    Raises:
        CheckError: a file is no such file, has no two rewards or no groups, or no good row.
        SettingsError: a weight or direction is wrong.
    """
    sources = open_sources(names)
    roles = find_roles(merged([source.kinds for source in sources]), choice)
    for source in sources:
        if roles.group not in source.kinds:
            raise CheckError(f"{source.name} has no column {roles.group!r}, which tells the prompt in other files")
    chosen_weights = {**dict.fromkeys(roles.rewards, WEIGHT), **choice.weights}
    chosen_directions: dict[str, Direction] = {**dict.fromkeys(roles.rewards, DIRECTION), **choice.directions}
    weights(chosen_weights, roles.rewards)  # both are called for what they refuse
    signs(chosen_directions, roles.rewards)
    gathering = Gathering(roles)
    for source in sources:
        with readable(source.name):
            for chunk in source.chunks(roles.columns, gathering.faults):
                gathering.add(source, chunk)
    return assemble(sources, gathering, chosen_weights, chosen_directions)
