"""Ranges and length target as functions of the training step.

``two_stage`` teaches the form first: until step 30 the correctness range is a third, from then on the format range is
half. ``linear`` moves both ranges over 150 steps, correctness outwards from ±2 and format inwards from ±2; a missing
format then costs points (its low end stays at −1 or below). The target of the length schedule grows from 384 words by
256 in 105 steps and does not stop there. The numbers are those of the published switches.
"""

from gd2po.rewards.tool_calling.options import Range, ToolCallingOptions

STAGE_STEP = 30
LINEAR_STEPS = 150
LENGTH_START, LENGTH_GROWTH, LENGTH_STEPS = 384, 256, 105


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
