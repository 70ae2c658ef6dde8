"""Byte strings over pipes, each behind its length in four bytes."""

from __future__ import annotations

import os


def read_frame(file: int) -> bytes | None:
    head = _read(file, 4)
    return None if len(head) < 4 else _read(file, int.from_bytes(head, "big"))


def _read(file: int, count: int) -> bytes:
    parts = []
    while count and (part := os.read(file, min(count, 2**20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def send_frame(file: int, content: bytes) -> None:
    write(file, len(content).to_bytes(4, "big") + content)


def write(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
