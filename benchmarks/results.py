"""What the benchmarks share: spread of times, a table, and one JSON of rows beside the facts of the machine.

A row is a flat dictionary: `case` names it (unique in its benchmark: "kept 0.50", "K=3 N=2048"); every other value is a
number, a string or a `spread`. The unit ends the key: `update_s`, `peak_gib`, `tokens_per_s`; ratios have none.
"""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("gd2po", "torch", "transformers", "verl", "trl", "numpy", "ray")


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, least and largest of repeats, and their number."""
    return {"median": statistics.median(times), "min": min(times), "max": max(times), "n": len(times)}


def save(benchmark: str, rows: Sequence[Mapping[str, Any]], path: Path | None) -> None:
    """Put the rows of a benchmark into the JSON file `path`, beside those of other benchmarks; nothing if it is None.

    Raises ValueError if a row has no `case`, or two have the same.
    """
    cases = [row.get("case") for row in rows]
    if None in cases or len(set(cases)) < len(cases):
        raise ValueError(f"rows of {benchmark} have the cases {cases}: each needs its own")
    if path is None:
        return
    known = json.loads(path.read_text()) if path.exists() else {}
    known[benchmark] = {"machine": machine(), "rows": list(rows)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n")


def show(benchmark: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a table, spreads as `median (least–largest)`."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=benchmark, title_justify="left", box=None)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column == "case" else "right", overflow="fold")
    for row in rows:
        table.add_row(*(text(row.get(column, "")) for column in columns))
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def text(value: Any) -> str:
    """A value of a row as a cell, numbers with three digits."""
    if isinstance(value, Mapping):
        median, least, most = (text(float(value[name])) for name in ("median", "min", "max"))
        return median if value["n"] == 1 else f"{median} ({least}–{most})"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def machine() -> dict[str, Any]:
    """CPU, memory, GPU, versions, commit and load; no names of machines or people."""
    import psutil

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git_commit(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpu": gpu_name(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := package_version(name))},
    }


def git_commit() -> str | None:
    """Commit of this checkout, with `-dirty` if files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None


def cpu_model() -> str:
    """The name that the processor gives itself."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def gpu_name() -> str | None:
    """Name of the first accelerator that torch sees."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def package_version(name: str) -> str | None:
    """Installed version, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of `repeats` calls, after one to warm up."""
    return timed_in_turn([work], repeats)[0]


def timed_in_turn(
    works: Sequence[Callable[[], object]], repeats: int, synchronize: Callable[[], object] = lambda: None
) -> list[list[float]]:
    """Seconds of each of `repeats` calls of each work, one after another, so that a busy machine slows all of them.

    Each is called once to warm up; `synchronize` waits for an accelerator.
    """
    times: list[list[float]] = [[] for _ in works]
    for repeat in range(repeats + 1):
        for work, taken in zip(works, times, strict=True):
            synchronize()
            started = time.perf_counter()
            work()
            synchronize()
            if repeat:
                taken.append(time.perf_counter() - started)
    return times
