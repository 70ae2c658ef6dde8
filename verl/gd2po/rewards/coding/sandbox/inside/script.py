"""An answer as a script: compiled, run or called, and ended with the status that Python would give."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, NoReturn

from gd2po.rewards.coding.sandbox.inside.frames import write
from gd2po.rewards.coding.sandbox.inside.values import to_text

MEMORY_EXIT = 97
"""The exit status of an answer that ran out of memory."""

Module = dict[str, Any]
"""The names of a module with their values."""


def run_alone(source: str, entry: str, arguments: list[Any] | None, compile_exit: int) -> None:
    """Run a program in this process: as a script, or with a call whose value is written to the standard output."""
    code = compiled_program(source)
    if isinstance(code, str):
        os.write(2, code.encode(errors="replace"))
        os._exit(compile_exit)
    if arguments is None:
        leave(lambda: run_script(code))
    leave(lambda: run_call(code, entry, arguments))


def compiled_program(source: str) -> CodeType | str:
    """The code of a program, or what the compiler says against it."""
    try:
        return compile(source, "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


def script_module() -> Module:
    """The namespace of a script, with the standard streams of a new interpreter."""
    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, __file__="main.py")
    sys.modules["__main__"], sys.argv = module, ["main.py"]
    sys.path[:] = [path for path in sys.path if path] + ["/packages"]
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    return module.__dict__


def run_script(code: CodeType) -> None:
    exec(code, script_module())


def run_call(code: CodeType, entry: str, arguments: list[Any]) -> None:
    """Call a function of the answer; what it prints is lost, its value is the output."""
    values = os.dup(1)
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    space = script_module()
    exec(code, space)
    value = _target(space, entry)(*arguments)
    write(values, to_text(value, {}).encode())


def _target(space: Module, entry: str) -> Callable[..., Any]:
    """The function of an answer by its name: of the module, or a method of its class ``Solution``."""
    if entry not in space and "Solution" in space:
        return getattr(space["Solution"](), entry)
    return space[entry]


def leave(run: Callable[[], None]) -> NoReturn:
    """Run, end threads and streams as an interpreter does at its end, and exit with the status of a script."""
    status = 1
    try:
        try:
            run()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        if "atexit" in sys.modules:
            sys.modules["atexit"]._run_exitfuncs()
        sys.stdout.flush()
    except MemoryError:
        status = MEMORY_EXIT
    except BaseException:
        status = 1
        try:
            sys.stdout.flush()
            sys.__excepthook__(*sys.exc_info())
            sys.stderr.flush()
        except BaseException:
            pass  # whatever an answer did to its streams
    finally:
        os._exit(status & 0xFF)
