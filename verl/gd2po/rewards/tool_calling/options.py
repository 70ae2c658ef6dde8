"""Ranges, target and variants of the tool-calling rewards: every default stands here."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from gd2po.errors import SettingsError, nearest

Range = tuple[float, float]
Matching = Literal["partial", "refined", "coarse", "intermediate"]
RewardSchedule = Literal["constant", "two_stage", "linear"]
LengthSchedule = Literal["constant", "linear"]


@dataclass(frozen=True, slots=True)
class ToolCallingOptions:
    """How to score. The defaults are the published setting.

    Attributes:
        correctness_range: score of a call block that shares nothing with the reference, and of an equal one.
        format_range: score of a misshapen and of a well-formed response.
        length_range: score of an empty think part and of one that reaches the target.
        target_words: words of thinking that earn the full length score; more earns no more.
        matching: what counts as agreement, see :mod:`.correctness`.
        reward_schedule: how the ranges of correctness and format move with ``step``, see :mod:`.schedules`.
        length_schedule: how the target moves with ``step``; ``linear`` replaces ``target_words``.
        step: weight updates behind the policy that wrote the response; needed by every schedule but ``constant``.

    Raises:
        SettingsError: a value outside its choices, an empty or infinite range, a schedule without a step.
    """

    correctness_range: Range = (-3.0, 3.0)
    format_range: Range = (0.0, 1.0)
    length_range: Range = (0.0, 1.0)
    target_words: int = 512
    matching: Matching = "partial"
    reward_schedule: RewardSchedule = "constant"
    length_schedule: LengthSchedule = "constant"
    step: int | None = None

    def __post_init__(self) -> None:
        _check_choice("matching", self.matching, get_args(Matching))
        _check_choice("reward_schedule", self.reward_schedule, get_args(RewardSchedule))
        _check_choice("length_schedule", self.length_schedule, get_args(LengthSchedule))
        _check_range("correctness_range", self.correctness_range)
        _check_range("format_range", self.format_range)
        _check_range("length_range", self.length_range)
        if not (isinstance(self.target_words, int) and self.target_words > 0):
            raise SettingsError(f"target_words is {self.target_words!r}, expected a whole number above 0")
        if self.step is None and (self.reward_schedule, self.length_schedule) != ("constant", "constant"):
            raise SettingsError(
                "a schedule is set (reward_schedule or length_schedule) but no training step arrived; the rollout "
                "server must report global_steps (verl's own do), or set both schedules to constant"
            )


def _check_choice(name: str, found: str, choices: tuple[str, ...]) -> None:
    if found not in choices:
        raise SettingsError(f"{name} is {found!r}.{nearest(str(found), choices)}")


def _check_range(name: str, found: Range) -> None:
    numbers = isinstance(found, tuple) and all(isinstance(end, int | float) and math.isfinite(end) for end in found)
    if not numbers or len(found) != 2 or not found[0] < found[1]:
        raise SettingsError(f"{name} is {found!r}, expected two finite numbers [low, high] with low < high")
