"""Checksums of published files: SHA-256, or the name that git gives to a file's content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file must hash to.

    Attributes:
        kind: ``sha256``, or ``git-blob``: SHA-1 of the header ``blob <size>`` NUL and the content, which is what
            ``git hash-object`` prints and what a repository lists even where nobody published another checksum.
        value: hexadecimal.
    """

    kind: Literal["sha256", "git-blob"]
    value: str

    def of(self, path: Path) -> "Checksum":
        """The checksum of this kind that a file has."""
        digest = hashlib.sha256()
        if self.kind == "git-blob":
            digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return Checksum(self.kind, digest.hexdigest())

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
