"""Small tool-calling dialogues made from a seed: the real grammar and layout, a vocabulary for a tiny model.

:func:`generate` gives records for :func:`gd2po.data.tool_calling.prepare`; :func:`demonstrations` gives, for the same
prompts, what a supervised warm start should imitate: answers that differ in length and may have faults, so that a
policy that has learnt them still has something to gain in each reward.
"""

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from gd2po.rewards.tool_calling.answers import write_answer

Value = str | int

_CITIES = ("paris", "tokyo", "cairo", "lima", "oslo", "delhi")
_WORDS = ("tree", "river", "stone", "bread", "cloud", "lamp")
_NUMBERS = tuple(range(1, 21))


@dataclass(frozen=True, slots=True)
class ToyTool:
    """A tool, the values that its parameters can take, and the question of a user who needs it.

    Attributes:
        name: The name of the tool.
        values: Each parameter's possible values.
        question: A question with the parameters as gaps.
    """

    name: str
    values: dict[str, tuple[Value, ...]]
    question: str

    def draw(self, rng: random.Random, most_values: int | None = None) -> dict[str, Value]:
        """A value for each parameter, one of its first `most_values`."""
        return {name: rng.choice(choices[:most_values]) for name, choices in self.values.items()}


TOOLS = {
    tool.name: tool
    for tool in (
        ToyTool("weather", {"city": _CITIES}, "how is the weather in {city} ?"),
        ToyTool("clock", {"city": _CITIES}, "what time is it in {city} ?"),
        ToyTool("timer", {"minutes": _NUMBERS}, "set a timer for {minutes} minutes"),
        ToyTool("add", {"a": _NUMBERS, "b": _NUMBERS}, "what is {a} plus {b} ?"),
        ToyTool("multiply", {"a": _NUMBERS, "b": _NUMBERS}, "what is {a} times {b} ?"),
        ToyTool("lookup", {"word": _WORDS}, "what does {word} mean ?"),
        ToyTool("translate", {"word": _WORDS, "to": ("french", "hindi", "swahili")}, "say {word} in {to}"),
        ToyTool("convert", {"amount": _NUMBERS, "unit": ("miles", "pounds", "feet")}, "convert {amount} {unit}"),
    )
}

SMALL_TALK = {
    "hello": "hello , how can i help ?",
    "thank you": "you are welcome",
    "good night": "sleep well",
    "who are you ?": "i am a helper with tools",
}
"""What is said where no tool is needed: question → answer."""

Record = dict[str, str]
"""``{instruction, input, output}``: system message, user message and answer."""

Call = tuple[ToyTool, dict[str, Value]]
"""A tool and the values of its parameters."""

OFFERED = 2  # tools in a system message
TWO_CALLS, NO_CALL = 0.2, 0.15  # shares of the dialogues

_SYSTEM = """**Available Tools**
{tools}

**Output Format**
<think> thoughts </think>
<tool_call>
one call per line
</tool_call>
<response> answer </response>"""
_USER_BEGIN, _USER_END = "**Dialogue Records History**\n<user> ", " </user>"
_THOUGHT = "the user asks for this so i look at the tools and at the values and then i decide what to do next and"


def generate(num_rows: int, seed: int, *, brief: bool = False, most_values: int | None = None) -> list[Record]:
    """``num_rows`` raw dialogues ``{instruction, input, output}``; equal arguments give equal dialogues.

    Every output is a perfect reference answer. About :data:`TWO_CALLS` of them hold two calls and :data:`NO_CALL` none.
    Prompts stay under 100 words and punctuation marks, outputs under 40 words.

    Args:
        num_rows: The number of dialogues.
        seed: The seed.
        brief: Whether prompts hold the tools in one line and the bare question, without the layout of the real task;
            a third as long, for a model that reads slowly.
        most_values: The most values that a parameter takes, for a model that learns slowly to copy them; None for all.
    """
    rng = random.Random(seed)
    records = [_dialogue(rng, most_values) for _ in range(num_rows)]
    return [_in_brief(record) for record in records] if brief else records


def demonstrations(
    records: Iterable[Record],
    seed: int,
    *,
    fault_share: float = 0.0,
    short_thought: int = 3,
    long_thought: tuple[int, int] = (4, 8),
) -> list[Record]:
    """The same prompts with answers to imitate, which may have a fault for each reward, drawn independently.

    The faults are a short thought (length), no newline after the think part (format), and calls without their last
    parameter (correctness). A policy that imitates these answers makes each fault about as often as they do, and with a
    share above one half its greedy answers have all of them.

    Args:
        records: The records of :func:`generate`.
        seed: The seed; equal arguments give equal demonstrations.
        fault_share: The chance of each fault.
        short_thought: The words of a short thought.
        long_thought: The fewest and the most words of the other thoughts, drawn uniformly.
    """
    rng = random.Random(seed)
    faulty = []
    for record in records:
        is_short, is_joined, is_incomplete = (rng.random() < fault_share for _ in range(3))
        thought = _thought(short_thought if is_short else rng.randint(*long_thought))
        body = record["output"].split("\n", 1)[1]
        if is_incomplete and body.startswith("<tool_call>"):
            body = _block((tool, dict(list(values.items())[:-1])) for tool, values in _calls(body))
        faulty.append(record | {"output": f"<think> {thought} </think>{'' if is_joined else chr(10)}{body}"})
    return faulty


def _dialogue(rng: random.Random, most_values: int | None) -> Record:
    kind = rng.random()
    offered = rng.sample(list(TOOLS.values()), OFFERED)
    if kind < NO_CALL:
        question = rng.choice(list(SMALL_TALK))
        return _record(offered, question, f"<think> no tool </think>\n<response> {SMALL_TALK[question]} </response>")
    called = rng.sample(offered, 2 if kind < NO_CALL + TWO_CALLS else 1)
    calls = [(tool, tool.draw(rng, most_values)) for tool in called]
    question = " and ".join(tool.question.format(**values) for tool, values in calls)
    return _record(offered, question, f"<think> use the tool </think>\n{_block(calls)}")


def _record(offered: Sequence[ToyTool], question: str, output: str) -> Record:
    tools = "\n".join(
        f"{number}. Name: {tool.name}\nParameters: {', '.join(tool.values)}" for number, tool in enumerate(offered, 1)
    )
    return {
        "instruction": _SYSTEM.format(tools=tools),
        "input": f"{_USER_BEGIN}{question}{_USER_END}",
        "output": output,
    }


def _in_brief(record: Record) -> Record:
    """The same dialogue without the layout of the real task."""
    names, parameters = (re.findall(rf"{title}: (.*)", record["instruction"]) for title in ("Name", "Parameters"))
    tools = ", ".join(f"{name}({values})" for name, values in zip(names, parameters, strict=True))
    question = record["input"].removeprefix(_USER_BEGIN).removesuffix(_USER_END)
    return record | {"instruction": f"Tools: {tools}", "input": question}


def _block(calls: Iterable[Call]) -> str:
    return write_answer([{"name": tool.name, "parameters": values} for tool, values in calls], think=None)


def _thought(words: int) -> str:
    return " ".join(islice(cycle(_THOUGHT.split()), words))


def _calls(block: str) -> list[Call]:
    parsed = [json.loads(line) for line in block.split("\n")[1:-1]]
    return [(TOOLS[call["name"]], call["parameters"]) for call in parsed]
