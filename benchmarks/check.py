"""Time `gd2po check` on rollouts of several rewards, and its peak memory, per input format.

    python benchmarks/check.py                    # 1 million rollouts of 5 rewards; about 2 GB in a temporary folder
    python benchmarks/check.py --rollouts 100000

JSON lines look like verl's dumps, with texts of about 200 words and a record per rollout; CSV and Parquet hold ids,
lengths, data source and scores. Each format is checked by a process of its own, with terminal tables and the HTML page.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from results import save, show, spread

GROUP, GROUPS_PER_STEP = 8, 128
FORMATS = ("parquet", "csv", "jsonl")


def make_table(rollouts: int, rewards: int) -> pa.Table:
    """Groups of 8, 128 of them per step, and rewards that share a part."""
    generator = np.random.default_rng(0)
    group = np.arange(rollouts) // GROUP
    shared = generator.normal(size=rollouts)
    columns = {
        "uid": np.char.add("prompt-", group.astype(str)),
        "step": group // GROUPS_PER_STEP,
        "response_length": generator.integers(20, 500, rollouts),
        "data_source": np.array(["math", "code", "chat"])[group % 3],
    }
    return pa.table(columns | {f"reward_{k}": 0.3 * shared + generator.normal(size=rollouts) for k in range(rewards)})


def write_dump(table: pa.Table, path: Path) -> None:
    """Rows as verl dumps them, with texts."""
    text = "the user asks for the weather in lima so i call a tool with the name of the city and wait " * 10
    names = [name for name in table.column_names if name.startswith("reward_")]
    with path.open("w") as file:
        for row, values in enumerate(table.to_pylist()):
            record = {"input": text[: 400 + row // GROUP % 50], "output": text[: 300 + 7 * (row % 64)], "score": 0.0}
            record |= {"step": values["step"], "uid": f"{values['uid']}_{row % GROUP}_0"}
            record |= {f"reward/{name}": values[name] for name in names}
            record |= {f"adv/{name}": values[name] for name in names}
            file.write(json.dumps(record) + "\n")


def check(path: Path) -> tuple[float, float]:
    """Seconds and GiB at the peak of one check, in a process of its own."""
    command = [sys.executable, "-P", "-m", "gd2po.cli", "check", str(path), "--html", str(path.with_suffix(".html"))]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """A row of the table."""
    times, peaks = zip(*(check(path) for _ in range(repeats)), strict=True)
    return {
        "case": path.suffix[1:],
        "file_mib": path.stat().st_size / 2**20,
        "check_s": spread(times),
        "peak_gib": max(peaks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1_000_000, help="N")
    parser.add_argument("--rewards", type=int, default=5, help="K")
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    given = parser.parse_args()
    print(f"{given.rollouts:,} rollouts × {given.rewards} rewards, {os.cpu_count()} cores")
    table = make_table(given.rollouts, given.rewards)
    writers = {"parquet": parquet.write_table, "csv": csv.write_csv, "jsonl": write_dump}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.formats:
            path = Path(folder, f"rollouts.{name}")
            writers[name](table, path)
            rows.append(measure(path, given.repeats))
            path.unlink()
    show("check", rows)
    save("check", rows, given.json)


if __name__ == "__main__":
    main()
