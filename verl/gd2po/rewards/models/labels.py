"""The labels of a generative guard, and the score that is read off its next token."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.settings import ModelSettings


class Labels:
    """The tokens by which a guard says safe or unsafe: the first of each label where it follows the answer's prefix.

    Most tokenizers write a space together with the word behind it. So where the prefix ends in a space and the labels
    grow into it, the prefix goes without the space, and the labels begin with it.

    Args:
        settings: The settings of the guard.
        tokenizer: The tokenizer of the guard.

    Attributes:
        opening: The token ids of the prefix, as they stand before a label.

    Raises:
        RewardModelError: A label is no token of its own, or both sides begin with the same one.
    """

    def __init__(self, settings: ModelSettings, tokenizer: Any) -> None:
        guard = settings.guard
        self.opening, first = _split(tokenizer, guard.answer_prefix, (*guard.unsafe, *guard.safe))
        self._unsafe, self._safe = ({first[label] for label in labels} for labels in (guard.unsafe, guard.safe))
        if not (self._safe and self._unsafe) or self._safe & self._unsafe:
            raise RewardModelError(
                f"labels unsafe {list(guard.unsafe)} and safe {list(guard.safe)} of guard {settings.path} begin with "
                "the same token, or one side has none; choose labels, or an answer_prefix, after which they differ"
            )

    def log_odds(self, log_probs: Mapping[int, float]) -> float | None:
        """log P(unsafe) − log P(safe) of the next token; None where no label is among those given.

        Args:
            log_probs: The likeliest tokens → their log-probabilities. Where one side is not among them, the least
                likely token stands for it: its probability is at most that, so the score is a bound, and the truth is
                farther from 0.
        """
        unsafe, safe = (
            [log_probs[token] for token in tokens if token in log_probs] for tokens in (self._unsafe, self._safe)
        )
        if not (unsafe or safe):
            return None
        least = [min(log_probs.values())]
        return _log_sum(unsafe or least) - _log_sum(safe or least)


def _split(tokenizer: Any, prefix: str, labels: Sequence[str]) -> tuple[list[int], dict[str, int]]:
    """The ids of the prefix, and label → the id that follows them."""
    whole = {label: _encode(tokenizer, prefix + label) for label in labels}
    for opening in (_encode(tokenizer, text) for text in (prefix, prefix.rstrip(" "))):
        grown = [label for label, ids in whole.items() if ids[: len(opening)] != opening or len(ids) == len(opening)]
        if not grown:
            return opening, {label: ids[len(opening)] for label, ids in whole.items()}
    raise RewardModelError(
        f"label {grown[0]!r} does not begin a token of its own after {prefix!r}; end answer_prefix where a token ends"
    )


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _log_sum(values: list[float]) -> float:
    highest = max(values)
    return highest + math.log(math.fsum(math.exp(value - highest) for value in values))
