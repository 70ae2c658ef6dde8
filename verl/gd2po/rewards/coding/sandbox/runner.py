"""The program inside the sandbox: it compiles an answer once and forks a process for each test.

It imports nothing of gd2po: its bytecode is sent to an interpreter that sees nothing but Python's own files. It never
holds an expected value. Asserts, which do, are read and evaluated by a second process, a *referee*, that asks the
process of the answer for values; that process was forked before the assert was read, and ends with it.
"""

from __future__ import annotations

import _json
import builtins
import marshal
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType
from typing import Any, NoReturn

DONE, COMPILE_ERROR, ERROR, TIMEOUT, MEMORY, WRONG = range(6)
"""The kinds of an ending: the first byte of a reply."""

_LOST = 6
_MEMORY_EXIT, _WRONG_EXIT, _LOST_EXIT = 97, 98, 99
_EXITS_OF_ANSWER = {0: DONE, _MEMORY_EXIT: MEMORY}
_EXITS_OF_REFEREE = {**_EXITS_OF_ANSWER, _WRONG_EXIT: WRONG, _LOST_EXIT: _LOST}
"""What the exit status of a process means; every other status is an error. An answer may exit as it likes."""

_DEEPEST = 200
_LOOK_SECONDS = 0.5
"""How often a runner looks whether its parent is still there."""

_Module = dict[str, Any]


def main() -> None:
    """Serve one answer: read it, compile it, then run a test for each request until the input ends."""
    requests, replies = os.dup(0), os.dup(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _reply(replies, DONE, 0.0, b"", b"")
    job = marshal.loads(_read_frame(requests) or b"")
    job["requests"] = requests
    _limit({"AS": job["limits"]["AS"]})
    if job["style"] == "assert":
        import json  # noqa: F401 - once, before the tests are forked
    code = _compiled(job["source"])
    if isinstance(code, str):
        _reply(replies, COMPILE_ERROR, 0.0, b"", code.encode(errors="replace"))
        return
    _reply(replies, DONE, 0.0, b"", b"")
    while (request := _read_frame(requests)) is not None:
        started = time.monotonic()
        if job["style"] == "assert":
            kind, output, errors = _run_assert(job, code, requests)
        else:
            kind, output, errors = _run(job, code, request)
        _clear(job)
        _reply(replies, kind, time.monotonic() - started, output, errors)
    os._exit(0)


def run_alone(source: str, entry: str, arguments: list[Any] | None, compile_exit: int) -> None:
    """Run a program in this process: as a script, or with a call whose value is written to the standard output."""
    code = _compiled(source)
    if isinstance(code, str):
        os.write(2, code.encode(errors="replace"))
        os._exit(compile_exit)
    if arguments is None:
        _leave(lambda: _run_script(code))
    _leave(lambda: _run_call(code, entry, arguments))


def _compiled(source: str) -> CodeType | str:
    """The code of a program, or what the compiler says against it."""
    try:
        return compile(source, "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


def _run(job: dict[str, Any], code: CodeType, request: bytes) -> tuple[int, bytes, bytes]:
    """One test whose result is what the process wrote: its standard output, or the value of a call."""
    files = [os.memfd_create(name) for name in ("in", "out", "err")]
    try:
        if job["style"] == "stdin":
            _write(files[0], request)
            os.lseek(files[0], 0, os.SEEK_SET)
        child = os.fork()
        if child == 0:
            _become_answer(job, files)
            if job["style"] == "stdin":
                _leave(lambda: _run_script(code))
            _leave(lambda: _run_call(code, job["entry"], marshal.loads(request)))
        kind = _wait(child, job, job["wall_seconds"])
        return kind, _contents(files[1], job["output_bytes"] + 1), _contents(files[2], 2**20)[-300:]
    finally:
        for file in files:
            os.close(file)


def _run_assert(job: dict[str, Any], code: CodeType, requests: int) -> tuple[int, bytes, bytes]:
    """One test that a referee decides by asking the process of the answer for values."""
    files = [os.memfd_create(name) for name in ("in", "out", "err", "referee")]
    pipes = [*os.pipe(), *os.pipe()]
    from_referee, to_answer, from_answer, to_referee = pipes
    try:
        answer = os.fork()
        if answer == 0:
            _become_answer(job, files[:3], keep=(from_referee, to_referee))
            _leave(lambda: _serve(code, from_referee, to_referee))
        referee = os.fork()
        if referee == 0:
            text = _read_frame(requests) or b""
            os.dup2(files[3], 2)
            _limit(job["limits"])
            for number in (from_referee, to_referee):
                os.close(number)
            _referee(text.decode(), job["entry"], from_answer, to_answer)
        while pipes:  # so that the end of one process is seen by the other
            os.close(pipes.pop())
        kind = _wait(referee, job, job["wall_seconds"], _EXITS_OF_REFEREE)
        if kind != _LOST:
            return kind, b"", _contents(files[3], 2**20)[-300:]
        kind = _wait(answer, job, 1.0)
        return (ERROR if kind == DONE else kind), b"", _contents(files[2], 2**20)[-300:]
    finally:
        for file in (*files, *pipes):
            os.close(file)


def _become_answer(job: dict[str, Any], files: list[int], keep: tuple[int, ...] = ()) -> None:
    """Make this forked process one that an answer may use as it likes: own input and output, limits, nothing else."""
    for target, file in enumerate(files):
        os.dup2(file, target)
    for number in range(3, 64):
        if number not in keep:
            with suppress(OSError):  # not open
                os.close(number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not job["namespaces"]:
        os.setsid()
    _limit(job["limits"])


def _limit(limits: dict[str, tuple[int, int]]) -> None:
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), value)


def _module() -> _Module:
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


def _run_script(code: CodeType) -> None:
    exec(code, _module())


def _run_call(code: CodeType, entry: str, arguments: list[Any]) -> None:
    """Call a function of the answer; what it prints is lost, its value is the output."""
    values = os.dup(1)
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    space = _module()
    exec(code, space)
    value = _target(space, entry)(*arguments)
    _write(values, _text(value, {}).encode())


def _target(space: _Module, entry: str) -> Callable[..., Any]:
    """The function of an answer by its name: of the module, or a method of its class ``Solution``."""
    if entry not in space and "Solution" in space:
        return getattr(space["Solution"](), entry)
    return space[entry]


def _leave(run: Callable[[], None]) -> NoReturn:
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
        status = _MEMORY_EXIT
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


class suppress:
    """A block that the given errors end without being raised."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


# What follows is the conversation of a referee with the process of an answer.


class _Remote:
    """A value that stays in the process of the answer: a function, a class, an object that has no text."""

    def __init__(self, ask: Callable[[str, list[Any]], Any], number: int) -> None:
        self.__dict__.update(_ask=ask, _number=number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ask("call", [self, list(arguments), named])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("get", [self, name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", [self, name, value])


class _AnswerLost(BaseException):
    """The process of the answer has ended."""


def _serve(code: CodeType, requests: int, replies: int) -> None:
    """In the process of the answer: run it, then do what the referee asks for."""
    space = _module()
    exec(code, space)
    held: dict[int, Any] = {}
    names = {name: value for name, value in space.items() if not name.startswith("__")}
    _send(replies, _text({name: _Held(value) for name, value in names.items()}, held).encode())
    while (request := _read_frame(requests)) is not None:
        operation, given = _value(request.decode(), lambda number: held[number])
        try:
            if operation == "call":
                result = given[0](*given[1], **given[2])
            elif operation == "get":
                result = getattr(given[0], given[1])
            else:
                result = None
                setattr(given[0], given[1], given[2])
            reply = _text([True, result], held)
        except MemoryError:
            raise
        except Exception as error:
            reply = _text([False, type(error).__name__, f"{error}"[:200]], held)
        _send(replies, reply.encode())


class _Held:
    """Marks a value that is sent as a number under which it can be asked for."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _referee(text: str, entry: str, replies: int, requests: int) -> NoReturn:
    """Evaluate the test, with the names of the answer's module standing for values in the other process."""
    status = 1

    def ask(operation: str, given: list[Any]) -> Any:
        try:
            _send(requests, _text([operation, given], {}).encode())
            reply = _read_frame(replies)
        except BrokenPipeError:
            reply = None
        if reply is None:
            raise _AnswerLost
        good, *rest = _value(reply.decode(), lambda number: _Remote(ask, number))
        if good:
            return rest[0]
        kind = getattr(builtins, rest[0], None)
        error = kind(rest[1]) if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError(*rest)
        error.__dict__["of_the_answer"] = True
        raise error

    try:
        first = _read_frame(replies)
        if first is None:
            raise _AnswerLost
        space: _Module = _value(first.decode(), lambda number: _Remote(ask, number))
        space.update(__name__="__main__", __builtins__=builtins)
        if entry and entry not in space and "Solution" in space:
            space[entry] = getattr(space["Solution"](), entry)
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115
        exec(compile(text, "test", "exec", dont_inherit=True), space)
        status = 0
    except _AnswerLost:
        status = _LOST_EXIT
    except MemoryError:
        status = _MEMORY_EXIT
    except BaseException as error:
        of_answer = isinstance(error, NameError) or getattr(error, "of_the_answer", False)
        status = 1 if of_answer else _WRONG_EXIT
        os.write(2, f"{type(error).__name__}: {error}".encode(errors="replace")[:300])
    finally:
        os._exit(status)


# Values as text, in which nothing of an answer's classes is left.


def _text(value: Any, held: dict[int, Any], depth: int = 0) -> str:
    """JSON of a value, with tagged objects for what JSON has not; other objects become a number kept in ``held``."""
    if value is None or value is True or value is False:
        return "null" if value is None else ("true" if value else "false")
    if depth < _DEEPEST:
        if isinstance(value, type):
            name = type.__dict__["__name__"].__get__(value)
            if getattr(builtins, name, None) is value:
                return f'{{"y":"{name}"}}'
        if isinstance(value, int):
            number = int.__index__(value)
            return int.__repr__(number) if -(2**53) < number < 2**53 else f'{{"i":"{number:x}"}}'
        if isinstance(value, float):
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(shown := float.__repr__(value), shown)
        if isinstance(value, str):
            return _json.encode_basestring_ascii(value)
        if isinstance(value, list):
            return _joined(value, held, depth)
        if isinstance(value, dict):
            pairs = [list(pair) for pair in value.items()]
            return f'{{"d":{_joined(pairs, held, depth)}}}'
        for tag, kind in (("t", tuple), ("s", set), ("z", frozenset)):
            if isinstance(value, kind):
                return f'{{"{tag}":{_joined(value, held, depth)}}}'
        if isinstance(value, (bytes, bytearray)):
            return f'{{"b":{_json.encode_basestring_ascii(bytes(value).decode("latin-1"))}}}'
        if isinstance(value, complex):
            return f'{{"c":[{float.__repr__(value.real)},{float.__repr__(value.imag)}]}}'
        if type(value) is not _Remote and type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return _text(value.tolist(), held, depth + 1)
        if isinstance(value, (range, map, filter, zip)) or hasattr(value, "__next__"):
            return f'{{"n":{_joined(value, held, depth)}}}'
    if type(value) is _Remote:
        return f'{{"h":{value._number}}}'
    value = value.value if isinstance(value, _Held) else value
    held[len(held)] = value
    return f'{{"h":{len(held) - 1}}}'


def _joined(values: Iterable[Any], held: dict[int, Any], depth: int) -> str:
    return f"[{','.join([_text(value, held, depth + 1) for value in values])}]"


def _value(text: str, remote: Callable[[int], Any]) -> Any:
    """The inverse of :func:`_text`."""
    import json

    makers: dict[str, Callable[[Any], Any]] = {
        "i": lambda digits: int(digits, 16),
        "d": dict,
        "t": tuple,
        "s": set,
        "z": frozenset,
        "b": lambda letters: letters.encode("latin-1"),
        "c": lambda parts: complex(*parts),
        "n": iter,
        "y": lambda name: getattr(builtins, name),
        "h": remote,
    }

    def made(tagged: dict[str, Any]) -> Any:
        ((tag, content),) = tagged.items()
        return makers[tag](content)

    return json.loads(text, object_hook=made)


# Processes, frames and files.


def _wait(child: int, job: dict[str, Any], seconds: float, exits: dict[int, int] = _EXITS_OF_ANSWER) -> int:
    """How a child ended; afterwards it is gone, and its process group where nothing else ends that."""
    end = time.monotonic() + seconds
    ended, status, used = os.wait4(child, os.WNOHANG)
    while not ended and (left := end - time.monotonic()) > 0:
        signal.sigtimedwait([signal.SIGCHLD], min(left, _LOOK_SECONDS))
        ended, status, used = os.wait4(child, os.WNOHANG)
        if not ended and _is_abandoned(job["requests"]):
            os.kill(child, signal.SIGKILL)
            if not job["namespaces"]:
                _end_group(child)
            os._exit(1)  # in a sandbox it is the first process, and every other one ends with it
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not job["namespaces"]:
        _end_group(child)
    code = os.waitstatus_to_exitcode(status)
    if not ended or code == -signal.SIGXCPU or (code == -signal.SIGKILL and used.ru_utime + used.ru_stime > job["cpu"]):
        return TIMEOUT
    return exits.get(code, ERROR)


def _is_abandoned(requests: int) -> bool:
    """Whether nobody holds the other end of the pipe any more."""
    waiting = select.poll()
    waiting.register(requests, 0)
    return any(event & select.POLLHUP for _, event in waiting.poll(0))


def _end_group(leader: int) -> None:
    with suppress(ProcessLookupError):  # it had no other process
        os.killpg(leader, signal.SIGKILL)


def _clear(job: dict[str, Any]) -> None:
    """End every process of the last test, and remove its files: the next test finds the sandbox as new."""
    if os.getpid() != 1:
        return  # without namespaces, this would end processes of the user
    try:
        while True:
            os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # none is left
    if os.listdir("/tmp"):
        remover = os.fork()
        if remover == 0:
            try:
                _remove("/tmp")
            finally:
                os._exit(0)
        _wait(remover, job, job["wall_seconds"])


def _remove(folder: str) -> None:
    for entry in list(os.scandir(folder)):
        try:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                _remove(entry.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
        except OSError:
            pass  # it stays until the sandbox ends


def _read_frame(file: int) -> bytes | None:
    head = _read(file, 4)
    return None if len(head) < 4 else _read(file, int.from_bytes(head, "big"))


def _read(file: int, count: int) -> bytes:
    parts = []
    while count and (part := os.read(file, min(count, 2**20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(file: int, content: bytes) -> None:
    _write(file, len(content).to_bytes(4, "big") + content)


def _write(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _reply(file: int, kind: int, seconds: float, output: bytes, errors: bytes) -> None:
    head = bytes([kind]) + b"".join(
        number.to_bytes(4, "big") for number in (int(seconds * 1000), len(output), len(errors))
    )
    _write(file, head + output + errors)


def _contents(file: int, most: int) -> bytes:
    return os.pread(file, min(most, os.fstat(file).st_size), 0)
