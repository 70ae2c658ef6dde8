"""What a process of a run logs: ours stays visible where vLLM is imported, two messages of verl do not appear."""

import logging
import os
import warnings
from collections.abc import Mapping

_LEVEL, _FALLBACK = "SAGEMAKER_CONTAINER_LOG_LEVEL", "LOG_LEVEL"


def variables() -> Mapping[str, str]:
    """Environment of a run's processes: a package that vLLM imports sets the root logger to ERROR, unless one of two
    variables says otherwise."""
    return {} if _FALLBACK in os.environ else {_LEVEL: os.environ.get(_LEVEL, "WARNING")}


def quiet() -> None:
    """Suppress two messages of verl at import: engines that are not available, and the platform that it has chosen."""
    logging.getLogger("verl.plugin.platform.platform_manager").addFilter(lambda record: record.levelno > logging.INFO)
    warnings.filterwarnings("ignore", message=".* engine is not available", module="verl.workers.engine")


def keep_warnings() -> None:
    """Set the same in this process."""
    os.environ.update(variables())
