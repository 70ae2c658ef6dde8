"""The final answer of a response: the last box, else the last `<answer>` pair, else what follows the last `####`."""

import re
from typing import Literal

Style = Literal["auto", "box", "tags", "hash"]

_THOUGHT_END = "</think>"
_BRACES = re.compile(r"\\boxed\s*\{|\\boxed(?=\s)|\\.|[{}]", re.DOTALL)
_TAGS = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL)
_HASHES = re.compile(r"####([^\n#]*)")
_LEAD = re.compile(
    r"(?:so |thus |hence |therefore,? )?(?:the )?(?:final )?answer (?:is|=|:)\s*:?|answer:", re.IGNORECASE
)


def final_answer(response: str, style: Style = "auto") -> str | None:
    """The final answer of a response as it was written, without white space around it; None where there is none.

    Only what follows the last `</think>` is read, or the whole text where there is no such tag. A number in running
    text is no answer: guessing must not pay.

    Args:
        response: The response.
        style: Where the answer is looked for: `box` in the last `\\boxed{…}` whose braces are balanced (`\\boxed 7$`
            counts as well), `tags` in the last `<answer>…</answer>`, `hash` after the last `####` up to the end of the
            line; `auto` in the first of the three that occurs.
    """
    text = response[response.rfind(_THOUGHT_END) + len(_THOUGHT_END) :] if _THOUGHT_END in response else response
    finders = {"box": last_box, "tags": _last_tags, "hash": _last_hash}
    for name, find in finders.items():
        if style in ("auto", name) and (answer := find(text)) is not None:
            return answer
    return None


def last_box(text: str) -> str | None:
    """What the last balanced `\\boxed{…}` of a text holds; of nested boxes the innermost. Linear in the text."""
    opened: list[int | None] = []  # of each open brace: where the box begins that it opens, None for other braces
    answer: str | None = None
    for token in _BRACES.finditer(text):
        kind = token.group()
        if kind.startswith("\\boxed") and kind.endswith("{"):
            opened.append(token.end())
        elif kind == "\\boxed":
            answer = (
                re.split(r"\$|\n|\\\]|\\\)", text[token.end() : token.end() + 200], maxsplit=1)[0].strip() or answer
            )
        elif kind == "{":
            opened.append(None)
        elif kind == "}" and opened and (start := opened.pop()) is not None:
            inside = text[start : token.start()]
            answer = answer if "\\boxed" in inside and answer is not None else inside.strip()
    return answer


def _last_tags(text: str) -> str | None:
    answers = _TAGS.findall(text)
    if not answers:
        return None
    inside = answers[-1].strip()
    return (last_box(inside) if "\\boxed" in inside else None) or _LEAD.sub("", inside, count=1).strip()


def _last_hash(text: str) -> str | None:
    answers = _HASHES.findall(text)
    return answers[-1].strip() if answers else None
