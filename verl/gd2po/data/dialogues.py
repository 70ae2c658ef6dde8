"""A user's own dialogues: tools and messages as chat APIs have them, and the reference calls or response to them.

::

    {"tools": [{"type": "function", "function": {"name": …, "description": …, "parameters": JSON schema}}],
     "messages": [{"role": "user", "content": …}, {"role": "assistant", "tool_calls": […]}, {"role": "tool", …}, …],
     "calls": [{"name": …, "parameters": {…}}], "response": …, "think": …}

``calls``, ``response`` or both are the reference answer to the last message. ``think`` is its thought, which a warm
start imitates and a reward does not read. A system message goes to the end of the one that offers the tools. The
content of a message may also be a list of text parts, and null beside ``tool_calls``.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gd2po.data.records import StrictRecord, Texts
from gd2po.errors import nearest
from gd2po.rewards.models.messages import text_of
from gd2po.rewards.tool_calling.answers import NO_THOUGHT, write_answer
from gd2po.rewards.tool_calling.prompt import system_prompt, user_prompt


def _parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError as error:
        raise ValueError(f"found {arguments!r:.60}, expected JSON: {error}") from error


class Tool(BaseModel):
    """A function that may be called; its further keys, such as ``strict``, are not shown to the model."""

    model_config = ConfigDict(strict=True)

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, tool: Any) -> Any:
        return tool.get("function", tool) if isinstance(tool, Mapping) else tool


class GoldCall(StrictRecord):
    """A call of the reference answer."""

    name: str
    parameters: dict[str, Any]


class Function(StrictRecord):
    """Name and arguments of an earlier call; the arguments as an object, or as JSON text."""

    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(_parsed)]


class ToolCall(StrictRecord):
    """An earlier call of the assistant."""

    function: Function
    id: str | None = None
    type: Literal["function"] = "function"


def _without_nulls(message: Any) -> Any:
    """A message without entries that are null, which clients of chat APIs write for whatever they know."""
    return (
        {name: value for name, value in message.items() if value is not None}
        if isinstance(message, Mapping)
        else message
    )


def _text(content: Any) -> Any:
    return text_of(content) if isinstance(content, list) else content


class ChatMessage(StrictRecord):
    """A message of the dialogue so far; its content is a text, null, or a list of text parts."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(_text)] = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    _drop_nulls = model_validator(mode="before")(_without_nulls)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError(f"a message of the {self.role} cannot have tool_calls")
        if self.content is None and not self.tool_calls:
            raise ValueError(f"the message of the {self.role} has no content")
        return self


class ChatDialogue(StrictRecord):
    """A dialogue and the reference answer to its last message.

    Attributes:
        tools: The tools that are offered.
        messages: The dialogue so far.
        calls: The calls of the reference answer.
        response: The text of the reference answer; None where it only calls tools.
        think: The thought of the reference answer.
    """

    tools: list[Tool]
    messages: list[ChatMessage] = Field(min_length=1)
    calls: list[GoldCall] = Field(default_factory=list)
    response: str | None = None
    think: str | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if not self.calls and self.response is None:
            raise ValueError("neither calls nor response; give the answer that is wanted")
        if any(message.role == "system" for message in self.messages[1:]):
            raise ValueError("messages: only the first may be of the system")
        if self.messages[-1].role not in ("user", "tool"):
            raise ValueError(
                f"messages: the last is of the {self.messages[-1].role}, expected user or tool; the answer that is "
                "wanted goes into calls, response and think"
            )
        return self

    @model_validator(mode="after")
    def _calls_are_possible(self) -> Self:
        offered = {tool.name: tool for tool in self.tools}
        for call in self.calls:
            if call.name not in offered:
                raise ValueError(f"calls: no tool {call.name!r} is offered.{nearest(call.name, offered)}")
            declared: Mapping[str, Any] = (offered[call.name].parameters or {}).get("properties", call.parameters)
            for name in call.parameters.keys() - declared.keys():
                raise ValueError(f"calls: {call.name} declares no parameter {name!r}.{nearest(name, declared)}")
        return self

    def texts(self) -> Texts:
        """The same in the layout of rlla_4k.

        Raises:
            ValueError: A tool result that belongs to no call.
        """
        turns = list(self.messages)
        extra = [turns.pop(0).content or ""] if turns[0].role == "system" else []
        tools = system_prompt([tool.model_dump(exclude_none=True) for tool in self.tools])
        calls = [call.model_dump() for call in self.calls]
        return Texts(
            instruction="\n\n".join([tools.strip(), *extra]),
            input=user_prompt(list(_turns(turns))),
            output=write_answer(calls, self.response, self.think or NO_THOUGHT),
        )


def _turns(messages: list[ChatMessage]) -> Iterator[dict[str, str]]:
    """The dialogue in the markup of training; results of tools that follow each other are one observation."""
    called: dict[str, str] = {}
    for role, group in groupby(messages, key=lambda message: message.role):
        turn = list(group)
        if role == "tool":
            results = [_result(message, called) for message in turn]
            yield {"role": role, "content": json.dumps(results, ensure_ascii=False)}
            continue
        called |= {call.id: call.function.name for message in turn for call in message.tool_calls or () if call.id}
        yield from ({"role": role, "content": _said(message)} for message in turn)


def _said(message: ChatMessage) -> str:
    if message.role == "user":
        return message.content or ""
    calls = [{"name": call.function.name, "parameters": call.function.arguments} for call in message.tool_calls or ()]
    return write_answer(calls, message.content or None, think=None)


def _result(message: ChatMessage, called: Mapping[str, str]) -> dict[str, Any]:
    name = message.name or called.get(message.tool_call_id or "")
    if name is None:
        raise ValueError(
            f"messages: a tool result belongs to no earlier call (tool_call_id {message.tool_call_id!r}); give the "
            "tool_call_id of that call, or its name"
        )
    try:
        return {"name": name, "results": json.loads(message.content or "")}
    except ValueError:
        return {"name": name, "results": message.content}
