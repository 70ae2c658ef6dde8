"""verl and TRL in one environment: where TRL is installed, each worker of verl imports a class of it."""

import functools
import importlib
import importlib.util
from importlib.metadata import version

from gd2po.errors import HostError

_CLASS = "AutoModelForCausalLMWithValueHead"
_MODULES = ("trl.experimental.ppo", "trl")
"""Where verl 0.9 looks for the class, in ``verl.models.transformers.monkey_patch``."""


@functools.cache
def refuse_unfit_trl() -> None:
    """Refuse an environment in which no worker of verl would start.

    Raises:
        HostError: TRL is installed, and does not have the class any more.
    """
    if importlib.util.find_spec("trl") is None:
        return
    for module in _MODULES:
        try:
            if hasattr(importlib.import_module(module), _CLASS):
                return
        except ImportError:
            continue
    raise HostError(
        f"TRL {version('trl')} is installed beside verl, whose workers import {_CLASS} wherever they find TRL, and "
        "this TRL does not have it, so that none would start; run: pip uninstall trl, and keep gd2po[trl] in another "
        "environment"
    )
