"""What is known of a published data set and of each of its files, and whether a file lies here as it was published."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RAW = "https://raw.githubusercontent.com"
"""Where GitHub serves files as they are; an address goes on with owner, repository, commit and path."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """The checksum of a file.

    Attributes:
        kind: ``sha256``, or ``git-blob``: SHA-1 of the header ``blob <size>`` NUL and the content, which is what
            ``git hash-object`` prints and what a repository lists even where nobody published another checksum.
            ``unseen`` where nobody published a checksum and the file was never seen here: then only the number of its
            rows is checked.
        value: The checksum in hexadecimal; "" for ``unseen``.
    """

    kind: Literal["sha256", "git-blob", "unseen"]
    value: str

    def of(self, path: Path) -> "Checksum":
        """The checksum of this kind that a file has."""
        if self.kind == "unseen":
            return self
        digest = hashlib.sha256()
        if self.kind == "git-blob":
            digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return Checksum(self.kind, digest.hexdigest())

    def __str__(self) -> str:
        return f"{self.kind} {self.value}" if self.value else "no known checksum"


@dataclass(frozen=True, slots=True)
class Member:
    """One published file.

    Attributes:
        name: ``set/member``, the name on the command line.
        address: The address at which its authors publish it, pinned to a commit.
        checksum: The checksum of the file.
        rows: The number of its rows.
        purpose: Its use, in a few words.
        size: The number of its bytes; None where the file was never seen.
    """

    name: str
    address: str
    checksum: Checksum
    rows: int
    purpose: str
    size: int | None = None

    @property
    def file(self) -> str:
        """The name of the file as published."""
        return self.address.rpartition("/")[2]

    def path(self, root: Path) -> Path:
        """The place of the file below the folder of the data sets."""
        return root / self.name.partition("/")[0] / "raw" / self.file

    def find_fault(self, root: Path) -> str | None:
        """What is wrong with the file below ``root``, with the remedy; None when checksum and rows are right."""
        path = self.path(root)
        if not path.is_file():
            return f"absent; run `gd2po data get {self.name}`"
        if (checksum := self.checksum.of(path)) != self.checksum:
            return f"has {checksum}, expected {self.checksum}; run `gd2po data get {self.name}`, which keeps it aside"
        if (rows := count_rows(path)) != self.rows:
            return f"has {rows} rows, expected {self.rows}; the catalogue of gd2po is wrong, please report it"
        return None


@dataclass(frozen=True, slots=True)
class DataSet:
    """The published files of one origin.

    Attributes:
        name: The name of the set.
        licence: The licence in one or two words.
        terms: The licence in full, to be read before the download.
        members: The files of the set.
    """

    name: str
    licence: str
    terms: str
    members: tuple[Member, ...]


def count_rows(path: Path, name: str = "") -> int:
    """The number of rows of a parquet file, of entries of a JSON list, or of JSON lines, compressed by gzip or not.

    Args:
        path: The file.
        name: Its published name, by whose ending its kind is known; where not given, that of ``path``.
    """
    suffix = Path(name or path).suffix
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    content = path.read_bytes()
    content = gzip.decompress(content) if suffix == ".gz" else content
    if content.lstrip().startswith(b"["):
        return len(json.loads(content))
    return sum(1 for line in content.split(b"\n") if line.strip())
