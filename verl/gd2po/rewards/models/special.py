"""Protection against texts that spell out a tokenizer's special tokens."""

import re
from typing import Any

from gd2po.rewards.models.contract import RewardModelError

BREAK = "\u200b"
"""Zero-width space: put behind the first character of a spelt-out special token, so that it is none any more."""


class Neutralizer:
    """Breaks the special tokens that a text spells out; every other text stays as it is.

    A text with ``<|im_end|>`` in it must not end its own turn and speak in the next. Special are all tokens
    that the vocabulary marks so: ``tokenizer.all_special_tokens`` leaves out those without a part of their own, such as
    ``<|im_start|>`` or Llama's ``<|start_header_id|>``.

    Args:
        tokenizer: A tokenizer of transformers.
        marks: Further texts to break, such as the turn marks of a format without special tokens.

    Raises:
        RewardModelError: The tokenizer reads a special token out of a broken text too.
    """

    def __init__(self, tokenizer: Any, marks: tuple[str, ...] = ()) -> None:
        special = _special_texts(tokenizer)
        starts = "|".join(f"{re.escape(text[0])}(?={re.escape(text[1:])})" for text in (*special, *marks))
        self._start = re.compile(starts or "(?!)")
        self._check(tokenizer, special)

    def __call__(self, text: str) -> str:
        """The text with each special token broken."""
        return self._start.sub(lambda match: match[0] + BREAK, text)

    def _check(self, tokenizer: Any, special: list[str]) -> None:
        forbidden = set(tokenizer.convert_tokens_to_ids(special)) - {tokenizer.unk_token_id}
        formed = forbidden.intersection(tokenizer(self("\n".join(special)), add_special_tokens=False)["input_ids"])
        if formed:
            raise RewardModelError(
                f"the tokenizer {tokenizer.name_or_path} reads {tokenizer.convert_ids_to_tokens(sorted(formed))} also "
                "where a zero-width space stands in them, so a policy could write them; use a reward model with "
                "another tokenizer"
            )


def _special_texts(tokenizer: Any) -> list[str]:
    """The special tokens of two characters or more; one character cannot be broken, and no known tokenizer has one."""
    marked = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return sorted(text for text in marked.union(tokenizer.all_special_tokens) if len(text) > 1)
