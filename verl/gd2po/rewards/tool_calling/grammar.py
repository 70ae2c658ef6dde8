"""The output grammar: its tags, the calls between them, and the parsing of a ground truth."""

import json
import re
from dataclasses import dataclass
from typing import Any

from gd2po.errors import GD2POError

THINK = ("<think>", "</think>")
TOOLS = ("<tool_call>", "</tool_call>")
ANSWER = ("<response>", "</response>")
_THINK_PART = re.compile(f"{THINK[0]}.*?(?:{THINK[1]}|\\Z)", re.DOTALL)
_ANSWER_PART = re.compile(f"{ANSWER[0]}.*?(?:{ANSWER[1]}|\\Z)", re.DOTALL)
_TOOL_TAG = re.compile("|".join(TOOLS))
_RENAME = '; rename "arguments" to "parameters"'


class GroundTruthError(GD2POError, ValueError):
    """A ground truth that no response could be compared with."""


class PromptError(GD2POError, ValueError):
    """A prompt that cannot be put together."""


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The reference answer, parsed.

    Attributes:
        calls: Its calls; empty when it calls no tool.
        has_calls: Whether it has a tool block.
        has_answer: Whether it has a text for the user.
    """

    calls: list[dict[str, Any]]
    has_calls: bool
    has_answer: bool


def tool_block(text: str) -> str:
    """The text between the first ``<tool_call>`` of ``text`` and the next tool tag."""
    return text.split(TOOLS[0], 2)[1].split(TOOLS[1], 1)[0].strip()


def read_calls(text: str) -> list[Any]:
    """The JSON values of the tool block, one per line.

    Raises:
        ValueError: A line is not JSON (an empty or a pretty-printed line is not).
        RecursionError: A line nests deeper than the interpreter allows.
    """
    return [json.loads(line) for line in tool_block(text).split("\n")]


def predicted_calls(response: str) -> list[Any] | None:
    """The calls a model made, as unchecked JSON values, or None where they cannot be read."""
    if TOOLS[0] not in response or TOOLS[1] not in response:
        return None
    try:
        return read_calls(response)
    except (ValueError, RecursionError):
        return None


def outside_think(text: str) -> str:
    """``text`` without its think parts, as the benchmarks read it; the rewards do not, as published.

    A part that is never closed goes on to the end. Where the first think tag is a closing one, the prompt has opened
    the part and it starts with the text.
    """
    start, end = text.find(THINK[0]), text.find(THINK[1])
    if end >= 0 and not 0 <= start < end:
        text = text[end + len(THINK[1]) :]
    return _THINK_PART.sub(" ", text)


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For ``object_pairs_hook`` of JSON decoders: an object in which no key is given twice.

    Raises:
        ValueError: A key is given twice.
    """
    if len(pairs) != len(mapping := dict(pairs)):
        raise ValueError("a key is given twice")
    return mapping


def read_ground_truth(text: str) -> GroundTruth:
    """Parse a reference answer.

    Raises:
        GroundTruthError: It is no string, has none of the tags, has several tool blocks, of which the published scorer
            reads the first alone, or holds a call that is not ``{"name": str, "parameters": object}`` on a line of its
            own.
    """
    if not isinstance(text, str):
        raise GroundTruthError(f"ground truth is {type(text).__name__}, expected the reference answer as a string")
    if not any(tag in text for tag in (THINK[0], TOOLS[0], ANSWER[0])):
        raise GroundTruthError(
            f"ground truth has none of <think>, <tool_call>, <response>: found {text[:60]!r}; "
            "write it in the output format the prompt asks for"
        )
    has_calls = TOOLS[0] in text
    return GroundTruth(_gold_calls(text) if has_calls else [], has_calls, ANSWER[0] in text)


def _gold_calls(text: str) -> list[dict[str, Any]]:
    if TOOLS[1] not in text:
        raise GroundTruthError("ground truth opens <tool_call> and never closes it; add </tool_call>")
    try:
        calls = read_calls(text)
    except (ValueError, RecursionError) as error:
        raise GroundTruthError(
            f"after the first <tool_call> of the ground truth stands {tool_block(text)[:80]!r}, expected lines of "
            f"JSON: {error}; a think part must not mention the tag"
        ) from error
    _check_single_block(text)
    for call in calls:
        if not (
            isinstance(call, dict) and isinstance(call.get("name"), str) and isinstance(call.get("parameters"), dict)
        ):
            raise GroundTruthError(
                f'found the call {json.dumps(call)[:80]}, expected {{"name": string, "parameters": object}}'
                f"{_RENAME if isinstance(call, dict) and 'arguments' in call else ''}"
            )
    return calls


def _check_single_block(text: str) -> None:
    """Refuse a second block, such as Qwen writes for each call; one in the answer to the user is text.

    Raises:
        GroundTruthError: There is one.
    """
    _, _, opened = text.partition(TOOLS[0])
    tag = _TOOL_TAG.search(opened)
    rest = opened[tag.start() :] if tag else ""
    outside = _ANSWER_PART.sub("", _THINK_PART.sub("", rest))
    if blocks := outside.count(TOOLS[0]):
        raise GroundTruthError(
            f"ground truth has {blocks + 1} <tool_call> blocks, expected one with all calls, each on its own line: "
            f"only the first, {tool_block(text)[:60]!r}, would be compared. Write <tool_call>, the calls as lines, and "
            "</tool_call> once"
        )
