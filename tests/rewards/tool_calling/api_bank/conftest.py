"""An item of the first layout, and replies to it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

SYSTEM = """**Available Tools**
In your response, you can use the following tools:
1. Name: Book
Description: Books a room. It's "nice".
Parameters: {'city': {'type': 'str', 'description': "the city's name"}, 'rooms': {'type': 'int', 'description': ''}}
2. Name: Clock
Description: Tells the time.
Parameters: {}

**Steps for Each Turn**
1. **Think:** Recall what is known.
"""


@pytest.fixture(scope="session")
def item() -> dict[str, Any]:
    """An item that wants ``Book(city="Oslo", rooms="2")``; rooms is declared an int."""
    call = {"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}
    return {"id": "Level1_0", "system": SYSTEM, "user": "two rooms in Oslo", "answer": [call]}


@pytest.fixture(scope="session")
def reply() -> Callable[..., str]:
    """A well-formed reply with the given lines in its tool block; what is not text is written as JSON."""

    def make(*lines: object, think: str = "word") -> str:
        block = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        return "\n".join([f"<think> {think} </think>", "<tool_call>", *block, "</tool_call>"])

    return make
