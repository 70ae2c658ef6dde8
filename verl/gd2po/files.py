"""Files that others see whole or not at all: written beside their destination, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(destination: Path) -> Iterator[Path]:
    """A path to write to; it takes the destination's place when the block ends, and goes when the block raises.

    Args:
        destination: the file; its folder is made.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        yield partial
        os.replace(partial, destination)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(destination: Path, content: str | bytes) -> None:
    """Write bytes, or text as UTF-8."""
    with whole_file(destination) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
