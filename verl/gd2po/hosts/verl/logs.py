"""What we log stays visible in processes that import vLLM."""

import os
from collections.abc import Mapping

_LEVEL, _FALLBACK = "SAGEMAKER_CONTAINER_LOG_LEVEL", "LOG_LEVEL"


def variables() -> Mapping[str, str]:
    """Environment of a run's processes: a package that vLLM imports sets the root logger to ERROR, unless one of two
    variables says otherwise."""
    return {} if _FALLBACK in os.environ else {_LEVEL: os.environ.get(_LEVEL, "WARNING")}


def keep_warnings() -> None:
    """Set the same in this process."""
    os.environ.update(variables())
