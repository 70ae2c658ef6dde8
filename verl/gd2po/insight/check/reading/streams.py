"""Bytes of a file or of the standard input, unpacked and decoded by what they hold, not by what the file is called."""

import bz2
import codecs
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from gd2po.insight.check.choice import CheckError

HEAD = 1 << 16
"""Bytes of a file from which its format is known."""

_ZEROS_AT_MOST = 0.05
"""Share of zero bytes in a text in UTF-8."""

_UNPACKED: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
    (b"\x28\xb5\x2f\xfd", lambda stream: pa.CompressedInputStream(stream, "zstd")),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive, such as an Excel workbook or a saved model"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"%PDF", "a PDF"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"ORC", "an ORC file"),
    (b"\xff\xff\xff\xff", "a stream of Arrow, as data sets are cached by Hugging Face; save it with to_parquet"),
    *((b"\x80" + bytes([number]), "a pickle of Python") for number in (2, 3, 4, 5)),
    *((mark, "packed twice; unpack it first") for mark, _ in _UNPACKED),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
    (b"<!doctype", "an HTML page; is it the answer of a server instead of the file?"),
    (b"<html", "an HTML page; is it the answer of a server instead of the file?"),
    (b"<?xml", "an XML file"),
)
_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error, pa.ArrowException)
"""What the libraries raise for a packed file that is cut or broken."""


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what a library finds wrong with a file, such as a packed file that was cut, into an error that names it."""
    try:
        yield
    except (*_ERRORS, UnicodeError, RecursionError) as error:
        raise CheckError(f"{name} cannot be read: {error}") from error


class Content:
    """What a file holds.

    Attributes:
        name: The name in messages.
        path: The place of the bytes; a temporary file for the standard input.
        head: The first bytes, unpacked.
    """

    def __init__(self, name: str) -> None:
        self.name, self._spool = name, None
        self.path = name
        if name == "-":
            self.name, self._spool = "standard input", tempfile.NamedTemporaryFile(suffix=".rollouts")  # noqa: SIM115
            shutil.copyfileobj(sys.stdin.buffer, self._spool)
            self._spool.flush()
            self.path = self._spool.name
        with readable(self.name), self.open() as stream:
            self.head = stream.read(HEAD)
        start = self.head[:64].lstrip().lower()
        for mark, what in _OTHERS:
            if self.head.startswith(mark) or start.startswith(mark):
                raise CheckError(f"{self.name} is {what}; expected JSON, CSV or Parquet")
        if self.head[257:262] == b"ustar":
            raise CheckError(f"{self.name} is a tar archive; unpack it first")
        if self.head.startswith(b"PAR1") and self.packed:
            raise CheckError(f"{self.name} is a packed Parquet file; unpack it first")

    @property
    def packed(self) -> bool:
        """Whether the file is compressed as a whole."""
        with Path(self.path).open("rb") as file:
            return _unpacker(file.read(8)) is not None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes, unpacked."""
        with Path(self.path).open("rb") as file:
            unpacker = _unpacker(file.peek(8)[:8])
            yield io.BufferedReader(unpacker(file), 1 << 20) if unpacker else file

    @property
    def encoding(self) -> str:
        """The encoding that the first bytes tell; UTF-8 where they tell none."""
        mark = next((encoding for mark, encoding in _MARKS if self.head.startswith(mark)), "")
        if mark or b"\0" not in self.head[:64]:
            return mark or "utf-8"
        if self.head[1:4:2] == b"\0\0" and b"\0" not in self.head[:4:2]:
            return "utf-16-le"
        if self.head[:4:2] == b"\0\0" and b"\0" not in self.head[1:4:2]:
            return "utf-16-be"
        if self.head.count(0) <= len(self.head) * _ZEROS_AT_MOST:
            return "utf-8"
        raise CheckError(f"{self.name} is a binary file of an unknown kind; expected JSON, CSV or Parquet")

    def decoded_head(self) -> str:
        """The first characters."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        return decoder.decode(self.head).removeprefix("\ufeff")

    @contextmanager
    def text(self, newline: str | None = "") -> Iterator[io.TextIOWrapper]:
        """The characters; bytes that are no text in this encoding are kept as lone surrogates (UTF-8) or replaced."""
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        with self.open() as stream:
            yield io.TextIOWrapper(stream, self.encoding, errors, newline=newline)


def printable(text: str) -> str:
    """A text without lone surrogates, which no terminal takes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _unpacker(start: bytes) -> Callable[[Any], Any] | None:
    return next((opener for mark, opener in _UNPACKED if start.startswith(mark)), None)
