"""The real items, where they lie on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gd2po.evaluation.api_bank import LEVELS, load_items


@pytest.fixture(scope="session")
def benchmark_folder(public_file: Callable[[str], Path]) -> Path:
    """The folder of the published files; skips where they are not."""
    return public_file("level-1-api_processed.json").parent


@pytest.fixture(scope="session")
def items(benchmark_folder: Path) -> list[dict[str, Any]]:
    """All 597 items."""
    return [item for level in LEVELS for item in load_items(level, benchmark_folder)]
