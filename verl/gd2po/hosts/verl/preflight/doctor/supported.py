"""The supported versions of packages, as the installed verl and gd2po require them in their own metadata."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from gd2po.hosts.verl.door.manifest import VERL_BELOW, VERL_MINIMUM
from gd2po.hosts.verl.preflight.doctor.result import CheckResult
from gd2po.versions import installed

RunPart = Literal[
    "every run", "rollouts with vllm", "rollouts with sglang", "training with fsdp", "training with megatron"
]

_PACKAGES: dict[RunPart, tuple[str, str]] = {
    "every run": ("verl torch ray transformers TransferQueue tensordict", "'gd2po[vllm]' (GPU) or 'gd2po[cpu]'"),
    "rollouts with vllm": ("vllm", "'gd2po[vllm]'"),
    "rollouts with sglang": ("sglang", "'gd2po[sglang]'"),
    "training with fsdp": ("flash-attn", "'verl[fsdp]'"),
    "training with megatron": ("megatron-core megatron-bridge transformer-engine", "'verl[megatron]'"),
}
"""Part of a run → the packages that it needs, and what installs them."""

_OURS = ("torch", "sglang")
"""Packages for which gd2po's own requirement counts: verl leaves torch open, and its SGLang cannot be installed."""

DRIVERS: dict[int, str] = {12: "525.60.13", 13: "580.65.06"}
"""Major version of the CUDA that torch was built for → the oldest driver for Linux that runs it, as NVIDIA states."""


def of_packages(parts: frozenset[RunPart]) -> Iterator[CheckResult]:
    """Check the version of each package.

    Args:
        parts: The parts of a run that this machine must be able to do. Other packages are shown, and not judged.
    """
    for part, (packages, source) in _PACKAGES.items():
        for package in packages.split():
            version, supported = installed(package).get(package), supported_versions(package)
            ok = version is not None and supported.contains(version, prereleases=True) if part in parts else None
            expected = f"{_in_order(supported) or 'any version'}, for {part}"
            yield CheckResult(package, ok, version or "not installed", expected, f"pip install {source}")


def supported_versions(package: str) -> SpecifierSet:
    """The versions of a package that are supported; every version if verl is not installed or names no bound."""
    if package == "verl":
        return SpecifierSet(f">={VERL_MINIMUM},<{VERL_BELOW}")
    try:
        lines = requires("gd2po" if package in _OURS else "verl") or ()
    except PackageNotFoundError:
        return SpecifierSet()
    requirements = [line for line in map(Requirement, lines) if canonicalize_name(line.name) == package.lower()]
    general_first = sorted(requirements, key=lambda requirement: requirement.marker is not None)
    return general_first[0].specifier if general_first else SpecifierSet()


def _in_order(versions: SpecifierSet) -> str:
    return ",".join(map(str, sorted(versions, key=lambda bound: Version(bound.version.removesuffix(".*")))))
