"""The supported versions: the one table of them.

The ranges are those that gd2po's and verl 0.9.1's own package metadata ask for; a test compares them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from packaging.specifiers import SpecifierSet

from gd2po.hosts.verl.door.manifest import VERL_BELOW, VERL_MINIMUM
from gd2po.hosts.verl.preflight.doctor.finding import Finding

Part = Literal[
    "every run", "rollouts with vllm", "rollouts with sglang", "training with fsdp", "training with megatron"
]


@dataclass(frozen=True)
class Supported:
    """A package, the versions of it that are supported, what needs it, and what installs it."""

    package: str
    versions: str
    needed_for: Part
    install: str


_CORE, _VLLM, _SGLANG = "pip install 'gd2po[vllm]' (GPU) or 'gd2po[cpu]'", "'gd2po[vllm]'", "'gd2po[sglang]'"
_FSDP, _MEGATRON = "'verl[fsdp]'", "'verl[megatron]'"

TABLE: tuple[Supported, ...] = (
    Supported("verl", f">={VERL_MINIMUM},<{VERL_BELOW}", "every run", _CORE),
    Supported("torch", ">=2.7", "every run", _CORE),
    Supported("ray", ">=2.41.0", "every run", _CORE),
    Supported("transformers", ">=5.5.3,!=5.6.0,<5.11", "every run", _CORE),
    Supported("TransferQueue", ">=0.1.10", "every run", _CORE),
    Supported("tensordict", ">=0.8.0,!=0.9.0,<=0.10.0", "every run", _CORE),
    Supported("vllm", "==0.24.0", "rollouts with vllm", f"pip install {_VLLM}"),
    Supported("sglang", ">=0.5.13,<0.5.15", "rollouts with sglang", f"pip install {_SGLANG}"),
    Supported("flash-attn", "==2.8.3", "training with fsdp", f"pip install {_FSDP}"),
    Supported("megatron-core", "", "training with megatron", f"pip install {_MEGATRON}"),
    Supported("megatron-bridge", "==0.5.2", "training with megatron", f"pip install {_MEGATRON}"),
    Supported("transformer-engine", "", "training with megatron", f"pip install {_MEGATRON}"),
)

DRIVERS: dict[int, str] = {12: "525.60.13", 13: "580.65.06"}
"""Major version of the CUDA that torch was built for → the oldest driver for Linux that runs it, as NVIDIA states."""


def of_packages(parts: frozenset[Part]) -> Iterator[Finding]:
    """A finding for each package of the table.

    Args:
        parts: of a run that are wanted here. A package that none of them needs is only told.
    """
    for row in TABLE:
        yield _judge(row, _installed(row.package), row.needed_for in parts)


def _judge(row: Supported, found: str | None, needed: bool) -> Finding:
    expected = f"{row.versions or 'any version'}, for {row.needed_for}"
    if found is None:
        return Finding(row.package, False if needed else None, "not installed", expected, row.install)
    fits = SpecifierSet(row.versions, prereleases=True).contains(found)
    return Finding(row.package, fits if needed else None, found, expected, row.install)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
