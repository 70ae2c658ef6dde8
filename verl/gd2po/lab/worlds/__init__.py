"""The worlds of the lab: rewards over enumerable answers, and the noise and optimiser under which they are learned."""

from collections.abc import Iterable

from gd2po.errors import unknown_name
from gd2po.lab.worlds.first import FIRST
from gd2po.lab.worlds.held_out import HELD_OUT
from gd2po.lab.worlds.world import World

WORLDS = {world.name: world for world in (*FIRST, *HELD_OUT)}
"""Name → world: the first set, then the held-out set."""


def find_worlds(names: Iterable[str], held_out: bool) -> tuple[World, ...]:
    """The worlds of these names; all, or all held-out ones, if there are none.

    Raises:
        SettingsError: a name is not known.
    """
    chosen = tuple(names) or tuple(name for name, world in WORLDS.items() if world.held_out or not held_out)
    for name in chosen:
        if name not in WORLDS:
            raise unknown_name("world", name, WORLDS)
    return tuple(WORLDS[name] for name in chosen)
