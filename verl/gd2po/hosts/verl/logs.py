"""What we log stays visible in processes that import vLLM."""

import os

_LEVEL, _FALLBACK = "SAGEMAKER_CONTAINER_LOG_LEVEL", "LOG_LEVEL"


def keep_warnings() -> None:
    """A package that vLLM imports sets the root logger to ERROR, unless one of two variables says otherwise."""
    if _FALLBACK not in os.environ:
        os.environ.setdefault(_LEVEL, "WARNING")
