"""The result of one check: one line of the doctor's report."""

from collections.abc import Callable
from dataclasses import dataclass

from gd2po.errors import GD2POError


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: The name of the check.
        ok: Whether all is well; None for information that is not judged.
        found: The state of the machine in words.
        expected: The expected state in words; empty where nothing is expected.
        remedy: The action that helps where the check fails.
    """

    name: str
    ok: bool | None
    found: str
    expected: str = ""
    remedy: str = ""


def attempt(name: str, check: Callable[[], str]) -> CheckResult:
    """Call ``check`` for a description; an error of gd2po or of an import is a failed check."""
    try:
        return CheckResult(name, True, check())
    except (GD2POError, ImportError) as error:
        return CheckResult(name, False, str(error))
