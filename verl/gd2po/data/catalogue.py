"""The public data sets that gd2po can fetch: where each file lies, under which licence, and how it is recognised.

Every address is pinned to a commit, save that of a file which was never seen here. A further data set is one more entry
in :mod:`gd2po.data.sets`, and a card in ``dataset/``.
"""

from collections.abc import Iterable
from pathlib import Path

from gd2po.data.published import DataSet, Member
from gd2po.data.sets.coding import CODING
from gd2po.data.sets.mathematics import MATHEMATICS
from gd2po.data.sets.safe_alignment import SAFE_ALIGNMENT
from gd2po.data.sets.tool_calling import TOOL_CALLING
from gd2po.errors import DataError, nearest

__all__ = ["DATA_SETS", "DataSet", "Member", "find_members", "find_set", "known_names", "published_below"]

DATA_SETS = (*TOOL_CALLING, *SAFE_ALIGNMENT, *MATHEMATICS, *CODING)


def known_names() -> list[str]:
    """The names of the sets and of their members."""
    return [name for data_set in DATA_SETS for name in (data_set.name, *(member.name for member in data_set.members))]


def find_members(names: Iterable[str]) -> list[Member]:
    """The members that are named, alone or by their set; each once, in the order of the names.

    Raises:
        DataError: There is no such data set.
    """
    return list(dict.fromkeys(member for name in names for member in _members(name)))


def published_below(root: Path, names: Iterable[str]) -> dict[str, Path]:
    """Name of a member → its file, of these members whose published files are in the folder of the data sets.

    Raises:
        DataError: A file is not the published one, or there is no such data set.
    """
    files: dict[str, Path] = {}
    for member in find_members(names):
        if not member.path(root).is_file():
            continue
        if fault := member.find_fault(root):
            raise DataError(f"{member.path(root)} {fault}")
        files[member.name] = member.path(root)
    return files


def find_set(member: Member) -> DataSet:
    """The set that a member belongs to."""
    return next(data_set for data_set in DATA_SETS if member in data_set.members)


def _members(name: str) -> list[Member]:
    members = [
        member
        for data_set in DATA_SETS
        for member in data_set.members
        if name.rstrip("/") in (data_set.name, member.name)
    ]
    if not members:
        raise DataError(f"there is no data set {name!r}.{nearest(name, known_names())}")
    return members
