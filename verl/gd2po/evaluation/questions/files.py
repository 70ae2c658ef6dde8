"""The files of benchmarks of questions: published ones, which are checked, and files of the user."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from gd2po.data.catalogue import find_members
from gd2po.errors import DataError, SettingsError, nearest


def benchmark_files(root: Path, sets: Iterable[str], members: Mapping[str, str], subject: str) -> dict[str, Path]:
    """The file of each benchmark by its name, the published ones checked.

    Args:
        root: The folder of the data sets.
        sets: Names of benchmarks, or files of the user, which get the name ``folder_file``.
        members: Name of a benchmark → the member of the catalogue that holds it.
        subject: What the benchmarks are about, in a message.

    Raises:
        SettingsError: A name is neither a benchmark nor a file.
        DataError: A published file is absent, or is not the published one.
    """
    files: dict[str, Path] = {}
    absent: list[str] = []
    for name in dict.fromkeys(sets):
        if name in members:
            (member,) = find_members([members[name]])
            files[name] = member.path(root)
            if not files[name].is_file():
                absent.append(name)
            elif fault := member.find_fault(root):
                raise DataError(f"{files[name]} {fault}")
        elif not Path(name).is_file():
            raise SettingsError(f"{name!r} is neither a benchmark of {subject} nor a file.{nearest(name, members)}")
        else:
            own = Path(name).resolve()
            files[f"{own.parent.name}_{own.stem}"] = own
    if absent:
        raise DataError(f"{root} holds no {', '.join(absent)}; run `gd2po data get {' '.join(absent)}`")
    return files
