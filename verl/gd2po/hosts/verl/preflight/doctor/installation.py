"""Checks of the installation: Python, packages, and verl with the plug-in in it."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import entry_points

from gd2po.errors import HostError
from gd2po.hosts.verl.door import seam
from gd2po.hosts.verl.door.manifest import CALLED, WRAPPED, Wrapped
from gd2po.hosts.verl.door.supported_verl import require_supported_verl
from gd2po.hosts.verl.preflight.doctor.result import CheckResult, attempt
from gd2po.hosts.verl.preflight.doctor.supported import RunPart, of_packages

ENTRY_POINT_GROUP = "verl.plugins"


def examine(parts: frozenset[RunPart] = frozenset({"every run"})) -> Iterator[CheckResult]:
    """Check the installation, cheapest checks first. Imports verl.

    Args:
        parts: The parts of a run that this machine must be able to do.
    """
    yield CheckResult("python", sys.version_info >= (3, 11), sys.version.split()[0], ">=3.11,<3.13", "use Python 3.12")
    yield from of_packages(parts)
    yield attempt("plug-in loaded", _loaded)
    seams = [attempt(f"seam {row}", partial(_in_place, row)) for row in _rows()]
    seams += [attempt(f"seam {symbol}", partial(_as_written, symbol)) for symbol in CALLED]
    broken = [result for result in seams if not result.ok]
    yield from broken or [CheckResult("seam", True, f"all {len(seams)} symbols of verl in use are as expected")]


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
    """Refuse to start a run that would silently train without this plug-in.

    Raises:
        HostError: The plug-in is not in place; the message names the fault.
    """
    require_supported_verl()
    _loaded()
    for row in _rows():
        _in_place(row)
