"""Whose run a call of verl's belongs to: a wrapper acts in runs of ours only, a guard only while it is switched on.

A process of a run that does not see the run's configuration (a client of the TransferQueue, a worker, an engine) is
told by an environment variable, which the driver gives to Ray with the run's other variables. Ray's runtime environment
belongs to a job: other jobs of the same cluster do not see it.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig

from gd2po.hosts.verl.door.manifest import Asks

VARIABLE = "GD2PO_GUARDS"
"""In the processes of a run of ours: names of the guards that are on, separated by commas; maybe empty."""

SKIP_MASKED = "gd2po_skip_masked"
"""Key of a batch by which the trainer tells the actor's workers to leave out rows without an advantage."""

Arguments = tuple[Any, ...]
Options = Mapping[str, Any]


def is_process_of_ours(guard: str | None = None) -> bool:
    """Whether this process belongs to a run of ours, in which the guard is on if one is named."""
    names = os.environ.get(VARIABLE)
    return names is not None and (guard is None or guard in names.split(","))


def _by_argument(arguments: Arguments, options: Options, _guard: str | None) -> bool:
    return _is_ours(arguments[0] if arguments else options.get("config"))


def _by_owner(arguments: Arguments, _options: Options, guard: str | None) -> bool:
    from gd2po.hosts.verl.reading.run_state import has_state, state_of

    owner = arguments[0]
    if has_state(owner) or _is_ours(getattr(owner, "config", None)):
        return guard is None or getattr(state_of(owner).settings.guards, guard)
    return False


def _is_ours(config: Any) -> bool:
    from gd2po.hosts.verl.reading.run_settings import is_ours

    return isinstance(config, DictConfig) and is_ours(config)


def _by_process(_arguments: Arguments, _options: Options, guard: str | None) -> bool:
    return is_process_of_ours(guard)


def _by_caller(_arguments: Arguments, _options: Options, _guard: str | None) -> bool:
    from gd2po.hosts.verl.reading.run_state import caller

    return caller() is not None


def _by_v0_owner(arguments: Arguments, options: Options, guard: str | None) -> bool:
    return _by_owner(arguments, options, guard) and _is_v0(arguments[0])


def _by_v0_caller(_arguments: Arguments, _options: Options, _guard: str | None) -> bool:
    from gd2po.hosts.verl.reading.run_state import caller

    trainer = caller()
    return trainer is not None and _is_v0(trainer)


def _is_v0(owner: Any) -> bool:
    from gd2po.hosts.verl.reading.v0_trainer import is_v0

    return is_v0(getattr(owner, "config", None))


def _by_batch(arguments: Arguments, options: Options, _guard: str | None) -> bool:
    batch = arguments[0] if arguments else options.get("data")
    return SKIP_MASKED in getattr(batch, "keys", tuple)()


def _of_anybody(_arguments: Arguments, _options: Options, _guard: str | None) -> bool:
    return True


PREDICATES: Mapping[Asks, Callable[[Arguments, Options, str | None], bool]] = {
    "config": _by_argument,
    "self.config": _by_owner,
    "process": _by_process,
    "caller": _by_caller,
    "batch": _by_batch,
    "nobody": _of_anybody,
    "v0 self.config": _by_v0_owner,
    "v0 caller": _by_v0_caller,
}
"""How each kind of wrapper tells a run of ours; the arguments are those of the call."""
