"""Our one model in BFCL's registry, without the vendors' packages.

The module ``bfcl_eval.constants.model_config`` imports the package of every vendor (a gigabyte, and one of them does
not import as it is declared) to fill one dictionary. A module with a dictionary of one entry stands in for it; nothing
else of the wheel is replaced.
"""

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from gd2po.evaluation.bfcl.job import REGISTERED

_MODULE = "bfcl_eval.constants.model_config"


def register(build_handler: Callable[..., Any]) -> None:
    """Make BFCL know the model. Call it before anything that reads the registry is imported.

    Args:
        build_handler: Called by BFCL with ``model_name``, ``temperature``, ``registry_name`` and ``is_fc_model``.
    """
    module: Any = ModuleType(_MODULE)
    module.MODEL_CONFIG_MAPPING = {
        REGISTERED: SimpleNamespace(
            model_name=REGISTERED,
            display_name=REGISTERED,
            url="",
            org="",
            license="",
            model_handler=build_handler,
            input_price=None,
            output_price=None,
            is_fc_model=False,
            underscore_to_dot=False,
        )
    }
    sys.modules[_MODULE] = module
