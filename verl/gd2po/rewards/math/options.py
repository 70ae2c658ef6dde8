"""Options of the mathematics rewards: every default stands here."""

from dataclasses import dataclass
from typing import Literal, get_args

from gd2po.errors import SettingsError, nearest
from gd2po.rewards.math.extraction import Style

LengthKind = Literal["limit", "graded"]
FormatKind = Literal["tags", "box"]

MAX_TOKENS = 4000
"""The length limit l of the GDPO paper (arXiv 2601.05242, section 4.2), in tokens."""


@dataclass(frozen=True, slots=True)
class MathOptions:
    """How to score.

    Attributes:
        style: Where the final answer is looked for, see :func:`.extraction.final_answer`.
        max_tokens: The number of tokens that a response may have for the length reward.
        length: The kind of the length reward: `limit` is 1 up to the limit and 0 above (the GDPO paper); `graded` is
            1 − tokens / max_tokens, and 0 above the limit.
        format: The shape of the format reward: `tags` is `<think>…</think>`, a newline, `<answer>…</answer>` and no
            other text (the GSM8K task of the GDPO code); `box` is at most one `</think>`, and a balanced box after it.

    Raises:
        SettingsError: A value outside its choices.
    """

    style: Style = "auto"
    max_tokens: int = MAX_TOKENS
    length: LengthKind = "limit"
    format: FormatKind = "tags"

    def __post_init__(self) -> None:
        for name, choices in (("style", Style), ("length", LengthKind), ("format", FormatKind)):
            value = getattr(self, name)
            if value not in get_args(choices):
                raise SettingsError(f"{name} is {value!r}.{nearest(str(value), get_args(choices))}")
        if not isinstance(self.max_tokens, int) or isinstance(self.max_tokens, bool) or self.max_tokens < 1:
            raise SettingsError(f"max_tokens is {self.max_tokens!r}, expected a whole number above 0")
