"""What is installed, loaded and missing on this machine: the checks behind ``gd2po doctor``."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, entry_points, version

from gd2po.errors import HostError
from gd2po.integration import seam
from gd2po.integration.manifest import HOST_SYMBOLS, VERL_BELOW, VERL_MINIMUM, HostSymbol

ENTRY_POINT_GROUP = "verl.plugins"
PACKAGES = ("verl", "torch", "ray", "transformers", "TransferQueue", "tensordict")
ROLLOUT_ENGINES = ("vllm", "sglang")


def quiet() -> None:
    """Leave out what verl says at import: engines nobody asked for, and a platform that we have chosen."""
    logging.getLogger("verl.plugin.platform.platform_manager").addFilter(lambda said: said.levelno > logging.INFO)
    warnings.filterwarnings("ignore", message=".* engine is not available", module="verl.workers.engine")


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``ok`` is None for what is only told."""

    name: str
    ok: bool | None
    detail: str


def examine() -> Iterator[Finding]:
    """Every finding, cheapest first. Imports verl."""
    yield Finding("python", sys.version_info >= (3, 11), sys.version.split()[0])
    for package in PACKAGES:
        found = _version(package)
        yield Finding(package, found is not None, found or "missing; run: pip install 'gd2po[cpu]' or 'gd2po[vllm]'")
    for package in ROLLOUT_ENGINES:
        yield Finding(package, None, _version(package) or "not installed (needed for rollouts on GPUs only)")
    yield _attempt("verl version", _supported)
    yield _attempt("plug-in loaded", _loaded)
    seams = [_attempt(f"seam {symbol.name}", partial(_in_place, symbol)) for symbol in HOST_SYMBOLS]
    broken = [finding for finding in seams if not finding.ok]
    yield from broken or [Finding("seam", True, f"all {len(seams)} symbols of verl in use are as expected")]
    yield _hardware()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _attempt(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except (HostError, ImportError) as error:
        return Finding(name, False, str(error))


def _supported() -> str:
    from gd2po.integration.versions import require_supported_verl

    return f"{require_supported_verl()} (supported: >={VERL_MINIMUM},<{VERL_BELOW})"


def _loaded() -> str:
    """Prove that verl itself loads the plug-in, not that we can import it.

    Raises:
        HostError: saying why not.
    """
    if not any(entry.value.startswith("gd2po.") for entry in entry_points(group=ENTRY_POINT_GROUP)):
        raise HostError(f"no entry point of gd2po in group {ENTRY_POINT_GROUP}; reinstall: pip install gd2po")
    import verl  # noqa: F401  loads its plug-ins, swallowing what they raise

    if "gd2po.integration.plugin" in sys.modules:
        return f"by verl, through entry-point group {ENTRY_POINT_GROUP}"
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    if policy not in ("auto", "gd2po"):
        raise HostError(f"VERL_USE_EXTERNAL_PLUGINS={policy!r} keeps verl from loading it; unset it or add gd2po")
    import gd2po.integration.plugin  # noqa: F401  raises the reason

    raise HostError("verl did not load it, but it imports here; verl was imported before gd2po was installed")


def _in_place(symbol: HostSymbol) -> str:
    seam.resolve(symbol)
    if not seam.is_wrapped(symbol):
        raise HostError(f"{symbol} is not wrapped; its module was imported before the plug-in was loaded")
    return symbol.what


def _hardware() -> Finding:
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
        device = f"{torch.cuda.device_count()} × {', '.join(sorted(names))}"
    else:
        device = "no accelerator: verl runs on CPU (small models only)"
    return Finding("hardware", None, f"{device}; {os.cpu_count()} CPU cores, {memory:.0f} GiB memory")


def require_plugin() -> None:
    """Refuse to start a run that would silently train without this plug-in.

    Raises:
        HostError: naming what is wrong.
    """
    _supported()
    _loaded()
    for symbol in HOST_SYMBOLS:
        if symbol.wrapper:
            _in_place(symbol)
