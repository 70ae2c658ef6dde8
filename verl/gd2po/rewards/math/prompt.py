"""The user's message of a problem: the problem, and how the answer is to be written."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from gd2po.errors import SettingsError, nearest

Wording = Literal["box", "tags"]

WORDINGS: Mapping[str, str] = MappingProxyType({
    "box": "{problem}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
    "tags": (
        "{problem}\n\nThink first, then answer. Write your thoughts between <think> and </think>, and on the next line "
        "the final answer alone between <answer> and </answer>."
    ),
})  # fmt: skip
"""By the shape in which the answer is asked for, the text around a problem.

`box` is what DeepSeek advises for its R1 models. `tags` asks for the shape that the format reward of the GSM8K task
scores.
"""


def user_message(problem: str, wording: str) -> str:
    """The message for a problem.

    Raises:
        SettingsError: There is no such wording.
    """
    if wording not in WORDINGS:
        raise SettingsError(f"unknown wording {wording!r}.{nearest(wording, WORDINGS)}")
    return WORDINGS[wording].format(problem=problem.strip())
