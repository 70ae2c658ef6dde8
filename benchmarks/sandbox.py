"""Tests of programs per second on one core, in our sandbox and by verl's `prime_code`, which has none.

    python benchmarks/sandbox.py
    python benchmarks/sandbox.py --programs 40 --repeats 5

The programs are small; each has ten tests on its standard input. One passes all, one fails half of them, one ends in an
error, one never ends. The last runs once, which takes verl's two minutes: its limits are its own, while ours ends a
program at the first test that takes 2 s. Both run in this process on one core; what verl's prints is thrown away. The
seconds of the processor say more than those of the clock where other programs run.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import save, show, spread

from gd2po.rewards.coding import CodingOptions, Limits, score

TESTS = {"inputs": [f"{i} {i + 1}\n" for i in range(10)], "outputs": [f"{2 * i + 1}\n" for i in range(10)]}
PROGRAMS = {
    "all pass": "a, b = map(int, input().split())\nprint(a + b)",
    "half fail": "a, b = map(int, input().split())\nprint(a + b if a % 2 else 0)",
    "errors": "a, b = map(int, input().split())\nprint(a / 0)",
    "endless": "while True:\n    pass",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=20, help="how many times each program runs in a repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = [measure(case, chosen.programs, chosen.repeats) for case in chosen.cases]
    show("sandbox", rows)
    save("sandbox", rows, chosen.json)


def measure(case: str, programs: int, repeats: int) -> dict[str, Any]:
    response = f"```python\n{PROGRAMS[case]}\n```"
    options = CodingOptions(limits=Limits(seconds=2, wall_seconds=6))
    ends = case != "endless"
    scorers: dict[str, Callable[[], object]] = {
        "ours": lambda: score(response, TESTS, options),
        "prime_code": lambda: prime_code(response),
    }
    row: dict[str, Any] = {"case": case}
    for name, scorer in scorers.items():
        if ends:
            scorer()  # to warm up
        times = [timed(scorer, programs) for _ in range(repeats)] if ends else [timed(scorer, 1)]
        row[f"{name}_s_a_program"] = spread([wall for wall, _ in times])
        row[f"{name}_cpu_s_a_program"] = spread([cpu for _, cpu in times])
        if ends:
            row[f"{name}_tests_per_cpu_s"] = len(TESTS["inputs"]) / row[f"{name}_cpu_s_a_program"]["median"]
    return row


def timed(scorer: Callable[[], object], programs: int) -> tuple[float, float]:
    """Seconds of a call by the clock, and of the processor in this process and those that it started."""
    wall, cpu = time.perf_counter(), processor_seconds()
    for _ in range(programs):
        scorer()
    return (time.perf_counter() - wall) / programs, (processor_seconds() - cpu) / programs


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def prime_code(response: str) -> float:
    from verl.utils.reward_score.prime_code import compute_score

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return float(compute_score(response, json.dumps(TESTS), continuous=True)[0])


if __name__ == "__main__":
    main()
