"""The tools and small talk of the synthetic dialogues: few words, so that a tiny model can learn them all."""

import random
from dataclasses import dataclass

Value = str | int

_CITIES = ("paris", "tokyo", "cairo", "lima", "oslo", "delhi")
_WORDS = ("tree", "river", "stone", "bread", "cloud", "lamp")
_NUMBERS = tuple(range(1, 21))


@dataclass(frozen=True, slots=True)
class ToyTool:
    """A tool, the values its parameters can take, and how a user asks for it."""

    name: str
    values: dict[str, tuple[Value, ...]]
    question: str

    def draw(self, rng: random.Random) -> dict[str, Value]:
        return {name: rng.choice(choices) for name, choices in self.values.items()}

    def other_value(self, parameter: str, value: Value, rng: random.Random) -> Value:
        """A value this parameter could have had instead."""
        return rng.choice([other for other in self.values[parameter] if other != value])


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
