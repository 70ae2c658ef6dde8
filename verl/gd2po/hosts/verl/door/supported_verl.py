"""Which verl this plug-in runs on."""

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from gd2po.errors import HostError
from gd2po.hosts.verl.door.manifest import VERL_BELOW, VERL_MINIMUM


def require_supported_verl() -> str:
    """The installed verl's version.

    Raises:
        HostError: when verl is absent or outside the supported range, with the command that mends it.
    """
    remedy = "run: pip install 'gd2po[vllm]' (GPU) or 'gd2po[cpu]'"
    try:
        found = version("verl")
    except PackageNotFoundError:
        raise HostError(f"verl is not installed; {remedy}") from None
    if not Version(VERL_MINIMUM) <= Version(found) < Version(VERL_BELOW):
        raise HostError(f"verl {found} is installed; this gd2po supports >={VERL_MINIMUM},<{VERL_BELOW}; {remedy}")
    return found
