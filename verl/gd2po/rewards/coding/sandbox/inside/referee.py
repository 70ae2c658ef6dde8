"""An assert and the answer that it is about, in two processes: the *referee* asks the answer's process for values."""

from __future__ import annotations

import builtins
import os
import sys
from types import CodeType
from typing import Any, NoReturn

from gd2po.rewards.coding.sandbox.inside.frames import read_frame, send_frame
from gd2po.rewards.coding.sandbox.inside.script import MEMORY_EXIT, Module, script_module
from gd2po.rewards.coding.sandbox.inside.values import Held, Remote, from_text, to_text

WRONG_EXIT, LOST_EXIT = 98, 99
"""The exit statuses of a referee whose assert fails, and of one whose answer has ended."""


class _AnswerLost(BaseException):
    """The process of the answer has ended."""


def serve(code: CodeType, requests: int, replies: int) -> None:
    """In the process of the answer: run it, then do what the referee asks for."""
    space = script_module()
    exec(code, space)
    held: dict[int, Any] = {}
    names = {name: value for name, value in space.items() if not name.startswith("__")}
    send_frame(replies, to_text({name: Held(value) for name, value in names.items()}, held).encode())
    while (request := read_frame(requests)) is not None:
        operation, given = from_text(request.decode(), lambda number: held[number])
        try:
            if operation == "call":
                result = given[0](*given[1], **given[2])
            elif operation == "get":
                result = getattr(given[0], given[1])
            else:
                result = None
                setattr(given[0], given[1], given[2])
            reply = to_text([True, result], held)
        except MemoryError:
            raise
        except Exception as error:
            reply = to_text([False, type(error).__name__, f"{error}"[:200]], held)
        send_frame(replies, reply.encode())


def decide(text: str, entry: str, replies: int, requests: int) -> NoReturn:
    """Evaluate the test, with the names of the answer's module standing for values in the other process."""
    status = 1

    def ask(operation: str, given: list[Any]) -> Any:
        try:
            send_frame(requests, to_text([operation, given], {}).encode())
            reply = read_frame(replies)
        except BrokenPipeError:
            reply = None
        if reply is None:
            raise _AnswerLost
        good, *rest = from_text(reply.decode(), lambda number: Remote(ask, number))
        if good:
            return rest[0]
        kind = getattr(builtins, rest[0], None)
        error = kind(rest[1]) if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError(*rest)
        error.__dict__["of_the_answer"] = True
        raise error

    try:
        first = read_frame(replies)
        if first is None:
            raise _AnswerLost
        space: Module = from_text(first.decode(), lambda number: Remote(ask, number))
        space.update(__name__="__main__", __builtins__=builtins)
        if entry and entry not in space and "Solution" in space:
            space[entry] = getattr(space["Solution"](), entry)
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115
        exec(compile(text, "test", "exec", dont_inherit=True), space)
        status = 0
    except _AnswerLost:
        status = LOST_EXIT
    except MemoryError:
        status = MEMORY_EXIT
    except BaseException as error:
        of_answer = isinstance(error, NameError) or getattr(error, "of_the_answer", False)
        status = 1 if of_answer else WRONG_EXIT
        os.write(2, f"{type(error).__name__}: {error}".encode(errors="replace")[:300])
    finally:
        os._exit(status)
