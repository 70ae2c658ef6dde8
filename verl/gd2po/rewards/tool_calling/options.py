"""Ranges, target and variants of the tool-calling rewards: every default stands here.

Schedules make ranges and length target functions of the training step.
``two_stage`` teaches the form first: until step 30 the correctness range is a third, from then on the format range is
half. ``linear`` moves both ranges over 150 steps, correctness outwards from ±2 and format inwards from ±2; a missing
format then costs points (its low end stays at −1 or below). The target of the length schedule grows from 384 words by
256 in 105 steps and does not stop there. The numbers are those of the published switches.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from gd2po.errors import SettingsError, nearest

Range = tuple[float, float]
Matching = Literal["partial", "refined", "coarse", "intermediate"]
RewardSchedule = Literal["constant", "two_stage", "linear"]
LengthSchedule = Literal["constant", "linear"]

STAGE_STEP = 30
LINEAR_STEPS = 150
LENGTH_START, LENGTH_GROWTH, LENGTH_STEPS = 384, 256, 105


@dataclass(frozen=True, slots=True)
class ToolCallingOptions:
    """How to score. The defaults are the published setting.

    Attributes:
        correctness_range: The scores of a call block that shares nothing with the reference, and of an equal one.
        format_range: The scores of a misshapen and of a well-formed response.
        length_range: The scores of an empty think part, and of one that reaches the target.
        target_words: The words of thinking that earn the full length score; more earns no more.
        matching: What counts as agreement, see :mod:`.correctness`.
        reward_schedule: How the ranges of correctness and format move with ``step``.
        length_schedule: How the target moves with ``step``; ``linear`` replaces ``target_words``.
        step: The number of weight updates behind the policy that wrote the response; needed by every schedule but
            ``constant``.

    Raises:
        SettingsError: A value outside its choices, an empty or infinite range, a schedule without a step.
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


def ranges(options: ToolCallingOptions) -> tuple[Range, Range]:
    """The correctness range and the format range at ``options.step``."""
    correctness, form = options.correctness_range, options.format_range
    if options.reward_schedule == "constant" or options.step is None:
        return correctness, form
    if options.reward_schedule == "two_stage":
        if options.step < STAGE_STEP:
            return (correctness[0] / 3, correctness[1] / 3), form
        return correctness, (form[0] / 2, form[1] / 2)
    done = options.step / LINEAR_STEPS
    return (
        (max(-3.0, (correctness[0] + 2) * done - 2), min(3.0, (correctness[1] - 2) * done + 2)),
        (min(-1.0, (2 + form[0]) * done - 2), max(1.0, 2 - (2 - form[1]) * done)),
    )


def target_words(options: ToolCallingOptions) -> float:
    """Words of thinking that earn the full length score at ``options.step``."""
    if options.length_schedule == "constant" or options.step is None:
        return options.target_words
    return LENGTH_START + LENGTH_GROWTH * options.step / LENGTH_STEPS


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}.{nearest(str(value), choices)}")


def _check_range(name: str, value: Range) -> None:
    numbers = isinstance(value, tuple) and all(isinstance(end, int | float) and math.isfinite(end) for end in value)
    if not numbers or len(value) != 2 or not value[0] < value[1]:
        raise SettingsError(f"{name} is {value!r}, expected two finite numbers [low, high] with low < high")
