"""A published file brought into its place: over the network or from a folder, checked, or not at all."""

import os
import shutil
from enum import StrEnum
from pathlib import Path

from gd2po.data.catalogue import Member
from gd2po.data.downloading import SILENT, Listener, download
from gd2po.data.published import count_rows
from gd2po.errors import DataError


class Fetched(StrEnum):
    """How a file came to its place."""

    PRESENT = "was there already"
    COPIED = "copied"
    DOWNLOADED = "downloaded"


def fetch(member: Member, root: Path, *, source: Path | None = None, listener: Listener = SILENT) -> Fetched:
    """Bring a file to ``member.path(root)``, unless the right one is there.

    A file with another checksum is never used: one that arrives, or one that lies in the place, is kept aside under
    its name with ``.rejected`` added.

    Args:
        member: The file to bring.
        root: The folder of the data sets.
        source: A folder to look in, at any depth, instead of the network; nothing in it is changed.
        listener: The listener that is told how a download goes.

    Raises:
        DownloadError: The network or the server fails.
        DataError: ``source`` does not hold the file, or what arrived is another file.
    """
    path = member.path(root)
    if path.is_file() and member.checksum.of(path) == member.checksum:
        return Fetched.PRESENT
    part = path.with_name(f"{path.name}.part")
    if source is None:
        download(member.address, part, listener)
    else:
        original = _find(member, source)
        part.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, part)
    _accept(member, part, path, listener)
    return Fetched.DOWNLOADED if source is None else Fetched.COPIED


def _find(member: Member, source: Path) -> Path:
    """The file of the right checksum below a folder, by its name, or else by its size under whatever name."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    named = [path for path in files if path.name == member.file]
    sized = [path for path in files if path.name != member.file and path.stat().st_size == member.size]
    candidates = {path: member.checksum.of(path) for path in named + sized}
    right = [path for path, checksum in candidates.items() if checksum == member.checksum]
    if member.checksum.kind == "unseen" and len(right) > 1:  # several have the name: by the number of rows
        right.sort(key=lambda path: count_rows(path, member.file) != member.rows)
    if right:
        return right[0]
    others = "".join(f"\n  {path} has {checksum}" for path, checksum in candidates.items())
    raise DataError(
        f"{source} holds no {member.file} with {member.checksum}; bring it there from {member.address}{others}"
    )


def _accept(member: Member, part: Path, path: Path, listener: Listener) -> None:
    rejected = path.with_name(f"{path.name}.rejected")
    checksum, size = member.checksum.of(part), part.stat().st_size
    if checksum.kind == "unseen" and (rows := count_rows(part, member.file)) != member.rows:
        os.replace(part, rejected)
        raise DataError(
            f"what came as {member.name} has {rows:,} rows, expected {member.rows:,}. It is kept aside in "
            f"{rejected} and not used. No checksum of it is known: look at {member.address}"
        )
    if checksum != member.checksum:
        os.replace(part, rejected)
        expected = member.checksum if member.size is None else f"{member.checksum} and {member.size:,} bytes"
        raise DataError(
            f"what came as {member.name} has {checksum} and {size:,} bytes, expected {expected}. It is kept aside in "
            f"{rejected} and not used. Run the command again; if the same comes again, something on the way changes "
            f"the file: bring it from {member.address} and name its folder with --from"
        )
    if path.exists():
        os.replace(path, rejected)
        listener.trouble(f"{path} was another file; it is kept aside in {rejected}")
    os.replace(part, path)
