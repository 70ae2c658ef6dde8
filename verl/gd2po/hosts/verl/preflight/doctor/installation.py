"""Checks of the installation: Python, packages, and verl with the plug-in in it."""

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import entry_points

from gd2po.errors import HostError
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.manifest import CALLED, WRAPPED, Wrapped
from gd2po.hosts.verl.door.supported_verl import require_supported_verl
from gd2po.hosts.verl.preflight.doctor.result import CheckResult, attempt
from gd2po.hosts.verl.preflight.doctor.supported import RunPart, of_packages
from gd2po.versions import installed

ENTRY_POINT_GROUP = "verl.plugins"


def examine(parts: frozenset[RunPart] = frozenset({"every run"})) -> Iterator[CheckResult]:
    """Check the installation, cheapest checks first. Imports verl.

    Args:
        parts: The parts of a run that this machine must be able to do.
    """
    yield CheckResult("python", sys.version_info >= (3, 11), sys.version.split()[0], ">=3.11,<3.13", "use Python 3.12")
    yield from of_packages(parts)
    yield attempt("plug-in loaded", _loaded)
    wrapped = {row: attempt(f"seam {row}", partial(_in_place, row)) for row in _rows()}
    called = {symbol: attempt(f"seam {symbol}", partial(_as_written, symbol)) for symbol in CALLED}
    checked = [(row.symbol, row.is_for_v0, result) for row, result in wrapped.items()]
    checked += [(symbol, False, result) for symbol, result in called.items()]
    yield _host("verl V1", [result for _, is_for_v0, result in checked if not is_for_v0])
    yield _host("verl V0", [result for symbol, _, result in checked if not symbol.startswith(_V1_ALONE)])
    yield from (result for _, _, result in checked if not result.ok)


_V1_ALONE = ("verl.trainer.ppo.v1", "transfer_queue")
"""Modules of verl's V1 trainer that V0 does without."""


def _host(trainer: str, symbols: Sequence[CheckResult]) -> CheckResult:
    """Whether the symbols that gd2po uses of a trainer of verl are as expected."""
    changed = sum(not result.ok for result in symbols)
    state = f"{changed} of {len(symbols)} symbols in use have changed"
    if not changed:
        state = f"all {len(symbols)} symbols in use are as expected"
    return CheckResult(trainer, not changed, f"{installed('verl').get('verl', 'not installed')}; {state}")


def _loaded() -> str:
    """Prove that verl itself loads the plug-in, not that we can import it.

    Raises:
        HostError: verl does not load it; the message says why.
    """
    if not any(entry.value.startswith("gd2po.") for entry in entry_points(group=ENTRY_POINT_GROUP)):
        raise HostError(f"no entry point of gd2po in group {ENTRY_POINT_GROUP}; reinstall: pip install gd2po")
    import verl  # noqa: F401  loads its plug-ins, swallowing what they raise

    if "gd2po.hosts.verl.plugin" in sys.modules:
        return f"by verl, through entry-point group {ENTRY_POINT_GROUP}"
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    if policy not in ("auto", "gd2po"):
        raise HostError(f"VERL_USE_EXTERNAL_PLUGINS={policy!r} keeps verl from loading it; unset it or add gd2po")
    import gd2po.hosts.verl.plugin  # noqa: F401  raises the reason

    raise HostError("verl did not load it, but it imports here; verl was imported before gd2po was installed")


def _rows() -> list[Wrapped]:
    """The rows of the manifest that are in place on every machine."""
    return [row for row in WRAPPED if row.place == "everywhere"]


def _in_place(row: Wrapped) -> str:
    seam.require_wrapped(row)
    return row.what


def _as_written(symbol: str) -> str:
    seam.require_called(symbol)
    return CALLED[symbol]


def require_plugin() -> None:
    """Refuse to start a run that would silently train without this plug-in. V0 runs check more when they start.

    Raises:
        HostError: The plug-in is not in place; the message names the fault.
    """
    require_supported_verl()
    _loaded()
    for row in _rows():
        if not row.is_for_v0:
            _in_place(row)
