"""Whether the published files lie here as they were published."""

import json
from pathlib import Path

from gd2po.data.catalogue import Member


def find_fault(member: Member, root: Path) -> str | None:
    """What is wrong with a file, with the remedy; None when it is there, with its checksum and number of rows."""
    path = member.path(root)
    if not path.is_file():
        return f"absent; run `gd2po data get {member.name}`"
    if (found := member.checksum.of(path)) != member.checksum:
        return f"has {found}, expected {member.checksum}; run `gd2po data get {member.name}`, which keeps it aside"
    if (rows := count_rows(path)) != member.rows:
        return f"has {rows} rows, expected {member.rows}; the catalogue of gd2po is wrong, please report it"
    return None


def count_rows(path: Path) -> int:
    """Rows of a parquet file, or entries of a JSON list."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    return len(json.loads(path.read_bytes()))
