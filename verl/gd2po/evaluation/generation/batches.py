"""Which prompts go into one padded batch, so that its memory and its padding are bounded."""

from collections.abc import Sequence

from gd2po.evaluation.generation.prompts import Prompt

LEAST_SHARE = 0.5
"""The shortest prompt of a batch has at least this share of the longest one's tokens; the rest would be padding."""


def batch_size(prompts: Sequence[Prompt]) -> int:
    """Tokens a padded batch holds at its end: rows × (longest prompt + longest answer)."""
    longest = max(len(prompt.tokens) for prompt in prompts) + max(prompt.room for prompt in prompts)
    return len(prompts) * longest


def next_batch(prompts: Sequence[Prompt], budget: int) -> Sequence[Prompt]:
    """The longest head of ``prompts`` whose :func:`batch_size` is within ``budget``; at least one prompt.

    Args:
        prompts: the longest first.
        budget: in tokens.
    """
    rows = 1
    while rows < len(prompts) and _fits(prompts[: rows + 1], budget):
        rows += 1
    return prompts[:rows]


def _fits(head: Sequence[Prompt], budget: int) -> bool:
    return len(head[-1].tokens) >= LEAST_SHARE * len(head[0].tokens) and batch_size(head) <= budget
