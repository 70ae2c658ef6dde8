"""One line of the doctor's report."""

from collections.abc import Callable
from dataclasses import dataclass

from gd2po.errors import GD2POError


@dataclass(frozen=True)
class Finding:
    """What was looked at.

    Attributes:
        name: of it.
        ok: None for what is only told.
        found: in words.
        expected: in words; empty where nothing is.
        remedy: what to do where it is not ok.
    """

    name: str
    ok: bool | None
    found: str
    expected: str = ""
    remedy: str = ""


def attempt(name: str, check: Callable[[], str]) -> Finding:
    """What ``check`` returns is found; an error of ours, or of an import, is a finding that is not ok."""
    try:
        return Finding(name, True, check())
    except (GD2POError, ImportError) as error:
        return Finding(name, False, str(error))
