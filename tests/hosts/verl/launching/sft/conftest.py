"""An untrained policy and demonstrations that it can read."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.quickstart.policy import PolicySize, make_policy
from gd2po.quickstart.worlds.dialogues import Record, demonstrations, generate


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """64 demonstrations of at most 192 tokens."""
    return demonstrations(generate(64, 0), 0, long_thought=(3, 3))


def _write_messages(path: Path, records: Sequence[Record], key: str = "messages") -> Path:
    """The parquet file that a warm start reads."""
    roles = {"system": "instruction", "user": "input", "assistant": "output"}
    rows = [{key: [{"role": role, "content": record[name]} for role, name in roles.items()]} for record in records]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture(scope="session")
def write_messages() -> Callable[..., Path]:
    """Writes records to a parquet file."""
    return _write_messages


@pytest.fixture(scope="session")
def sft_rows(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstrations as a file."""
    return _write_messages(tmp_path_factory.mktemp("rows") / "sft.parquet", records)


@pytest.fixture(scope="session")
def untrained(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, a tokenizer of these demonstrations, a context of 256 tokens."""
    path = tmp_path_factory.mktemp("policy") / "untrained"
    make_policy(records, path, PolicySize(hidden=64, context=256), 1)
    return path
