"""The errors a user can meet, one class per boundary. Each also is the built-in it refines."""

import difflib
from collections.abc import Iterable


class GD2POError(Exception):
    """Base of every error raised on purpose by gd2po."""


class SettingsError(GD2POError, ValueError):
    """The configuration cannot be run as it stands."""


class RewardError(GD2POError, ValueError):
    """A reward function or reward model returned something that is not a score."""


class HostError(GD2POError, RuntimeError):
    """The installed verl is not one that this plug-in knows."""


class EngineError(GD2POError, RuntimeError):
    """A rollout engine has failed, or does not answer."""


class DataError(GD2POError, ValueError):
    """Data that cannot be used as it stands."""


class DownloadError(GD2POError, OSError):
    """A file that could not be fetched."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the closest of ``known``, or their list when none is close."""
    known = sorted(known)
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if matches:
        return f" Did you mean {matches[0]!r}?"
    return f" Known: {', '.join(known)}." if known else ""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> SettingsError:
    """The error for a name that nobody knows, with the nearest known name as the remedy."""
    return SettingsError(f"unknown {kind} {name!r}.{nearest(str(name), known)}")
