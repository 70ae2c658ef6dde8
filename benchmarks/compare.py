"""Print the tables of one file of results, or how the figures changed from one file to another, row by row.

    python benchmarks/compare.py NEW.json
    python benchmarks/compare.py OLD.json NEW.json

Files are what benchmarks write with --json. "apart" marks figures whose ranges of repeats do not touch. Whether larger
is better depends on the figure: seconds should fall, tokens per second should rise.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from results import show, text

Results = Mapping[str, Mapping[str, Any]]
Figures = dict[tuple[str, str, str], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="one, or old and new")
    files = parser.parse_args().files
    if len(files) > 2:
        parser.error(f"{len(files)} files are given; expected one, or old and new")
    results = [json.loads(path.read_text()) for path in files]
    for result in results:
        print(described(result))
    if len(results) == 1:
        for benchmark, entry in results[0].items():
            show(benchmark, entry["rows"])
        return
    old, new = (dict(figures(result)) for result in results)
    show("new / old", [change(key, old[key], new[key]) for key in old if key in new])
    for name, one, other in (("old", old, new), ("new", new, old)):
        for key in one.keys() - other.keys():
            print(f"only in {name}: {' / '.join(key)}", file=sys.stderr)


def described(results: Results) -> str:
    """Commits, processors and highest load of the runs in a file."""
    machines = [entry["machine"] for entry in results.values()]
    names = (sorted({str(machine[key]) for machine in machines if machine[key]}) for key in ("commit", "cpu", "gpu"))
    load = max((machine["load_average"][0] for machine in machines), default=0.0)
    return " · ".join([", ".join(found) for found in names if found] + [f"load up to {load}"])


def figures(results: Results) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Benchmark, case and figure → number or spread; text is left out."""
    for benchmark, entry in results.items():
        for row in entry["rows"]:
            for figure, value in row.items():
                if not isinstance(value, str | bool | None):
                    yield (benchmark, row["case"], figure), value


def change(key: tuple[str, str, str], old: Any, new: Any) -> dict[str, Any]:
    """One line: both figures, their ratio, and whether their ranges are apart."""
    before, after = (value["median"] if isinstance(value, Mapping) else value for value in (old, new))
    ranges = isinstance(old, Mapping) and isinstance(new, Mapping)
    apart = ranges and (new["min"] > old["max"] or new["max"] < old["min"])
    return {
        "case": f"{key[0]}: {key[1]}",
        "figure": key[2],
        "old": text(old),
        "new": text(new),
        "ratio": after / before if before else "-",
        "": "apart" if apart else "",
    }


if __name__ == "__main__":
    main()
