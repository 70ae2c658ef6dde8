"""The items of API-Bank as published for tool-calling models: 597 prompts in three levels, each with one right call."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gd2po.data.catalogue import find_members
from gd2po.rewards.tool_calling.api_bank.tools import ItemError

_FILES = {level: find_members([f"api_bank/lv{level}"])[0] for level in (1, 2, 3)}

LEVELS: Mapping[int, int] = MappingProxyType({level: file.rows for level, file in _FILES.items()})
"""The number of items of each level, 399, 67 and 131: the denominators of every share, whatever was answered."""

CHECKSUMS: Mapping[int, str] = MappingProxyType({level: file.checksum.value for level, file in _FILES.items()})
"""The SHA-256 sum of the file of each level."""

_REMEDY = "run `gd2po data get api_bank`"
_ID = re.compile(r"Level([123])_(\d+)")


def sample_id(level: int, index: int) -> str:
    """The name of a sample in the published files, such as ``Level1_0``."""
    return f"Level{level}_{index}"


def parse_sample_id(identifier: str) -> tuple[int, int]:
    """Level and index of a sample.

    Raises:
        ItemError: There is no such sample.
    """
    match = _ID.fullmatch(identifier)
    level, index = (int(match[1]), int(match[2])) if match else (0, 0)
    if index >= LEVELS.get(level, 0):
        raise ItemError(f"API-Bank has no sample {identifier!r}; expected Level1_0 … Level3_{LEVELS[3] - 1}")
    return level, index


def load_items(level: int, folder: Path) -> list[dict[str, Any]]:
    """The items of one level in their published order, each with its sample's name as ``id``.

    Args:
        level: The level, 1, 2 or 3.
        folder: The folder with ``level-N-api_processed.json``, in itself or in ``raw/``.

    Raises:
        ItemError: There is no such level or file, or the file is not the published one.
    """
    if level not in LEVELS:
        raise ItemError(f"API-Bank has no level {level!r}; expected one of {', '.join(map(str, LEVELS))}")
    path = _file(level, folder)
    content = path.read_bytes()
    if (checksum := hashlib.sha256(content).hexdigest()) != CHECKSUMS[level]:
        raise ItemError(f"{path} has the checksum {checksum}, expected {CHECKSUMS[level]}; {_REMEDY}")
    items: list[dict[str, Any]] = json.loads(content)
    if len(items) != LEVELS[level]:
        raise ItemError(f"{path} holds {len(items)} items, expected {LEVELS[level]}; {_REMEDY}")
    return [item | {"id": sample_id(level, index)} for index, item in enumerate(items)]


def _file(level: int, folder: Path) -> Path:
    name = f"level-{level}-api_processed.json"
    for path in (folder / "raw" / name, folder / name):
        if path.is_file():
            return path
    raise ItemError(f"{folder} holds no {name}, neither in raw/ nor itself; {_REMEDY}")
