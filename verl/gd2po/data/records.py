"""One training example as its author writes it, and a sentence for what is wrong with it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gd2po.errors import nearest


class StrictRecord(BaseModel):
    """A JSON object in which every key is known and every value has its type already."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Texts(StrictRecord):
    """A dialogue in the layout of rlla_4k.

    Attributes:
        instruction: The system message, with the tools and the output format.
        input: The dialogue so far, in one user message.
        output: The reference answer in the output grammar.
    """

    instruction: str
    input: str
    output: str


def explain(error: ValidationError, layout: type[BaseModel]) -> str:
    """The first fault of a record, as one sentence."""
    fault: Mapping[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        suggestion = nearest(where, layout.model_fields) if "." not in where else ""
        return f"unknown key {where}.{suggestion} Rename it or take it out"
    if fault["type"] == "missing":
        return f"{where} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: found {fault['input']!r:.60}; {message[0].lower()}{message[1:]}"
