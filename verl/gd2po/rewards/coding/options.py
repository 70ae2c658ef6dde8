"""Options of the coding rewards: every default stands here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from gd2po.errors import SettingsError, nearest
from gd2po.rewards.coding.sandbox.contract import Limits

LengthKind = Literal["limit", "graded"]

MAX_TOKENS = 4000
"""The length limit l of the GDPO paper (arXiv 2601.05242, section 4.2), in tokens."""


@dataclass(frozen=True, slots=True)
class CodingOptions:
    """How to score.

    Attributes:
        max_tokens: The number of tokens that a response may have for the length reward.
        length: The kind of the length reward: `limit` is 1 up to the limit and 0 above (the GDPO paper); `graded` is
            1 − tokens / max_tokens, and 0 above the limit.
        max_tests: The largest number of tests of a problem that run, spread evenly over all of them; None for all.
        timeout_is_bug: Whether a time-out makes a program one with a bug.
        memory_is_bug: Whether running out of memory makes a program one with a bug.
        sandbox_url: The address of a SandboxFusion server; None for sandboxes of bubblewrap on this machine.
        unsafe: Whether programs run as processes of this user, without a sandbox.
        packages: The Python packages that programs in bubblewrap can import, besides the standard library.
        limits: What a program may use; a mapping of some fields of :class:`Limits` is accepted.

    Raises:
        SettingsError: A value outside its choices.
    """

    max_tokens: int = MAX_TOKENS
    length: LengthKind = "limit"
    max_tests: int | None = None
    timeout_is_bug: bool = False
    memory_is_bug: bool = True
    sandbox_url: str | None = None
    unsafe: bool = False
    packages: tuple[str, ...] = ("numpy",)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.length not in get_args(LengthKind):
            raise SettingsError(f"length is {self.length!r}.{nearest(str(self.length), get_args(LengthKind))}")
        for name in ("max_tokens", "max_tests"):
            value = getattr(self, name)
            if value is None and name == "max_tests":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SettingsError(f"{name} is {value!r}, expected a whole number above 0")
        for name in ("timeout_is_bug", "memory_is_bug", "unsafe"):
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"{name} is {getattr(self, name)!r}, expected true or false")
        if self.unsafe and self.sandbox_url:
            raise SettingsError("unsafe: true and sandbox_url contradict each other: leave one out")
        if isinstance(self.packages, str) or not isinstance(self.packages, Sequence):
            raise SettingsError(f"packages is {self.packages!r}, expected a list of names")
        object.__setattr__(self, "packages", tuple(self.packages))
        if isinstance(self.limits, Mapping):
            object.__setattr__(self, "limits", Limits(**known_options(self.limits, Limits, "limits of a sandbox")))


def known_options(options: Mapping[str, Any], kind: Any, whose: str) -> dict[str, Any]:
    """The options as a dictionary, if ``kind`` has a field for each.

    Raises:
        SettingsError: It has not.
    """
    known = {field.name for field in fields(kind)}
    for name in sorted(options.keys() - known):
        raise SettingsError(f"the {whose} have no option {name!r}.{nearest(name, known)}")
    return dict(options)
