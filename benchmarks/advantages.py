"""Time the advantages of GD²PO-Hard against per-row loops, and against one multiply pass over [N, T].

    python benchmarks/advantages.py                      # minutes; --sizes 512 2048 for a quick look

`loops` is the published style, see loops.py. `multiply` is float mask × row scalar: the least that any estimator with
[N, T] output can cost. `rows` is the part of ours that does not touch [N, T]. `growth` is that of the time of ours
relative to that of N, from one size to the next: 1.00 is linear.

The second table has every normaliser, filter and combination, and some of each together, for one N. `growth` is there
the exponent of K, from one number of rewards to the next: 1.00 is linear, 2.00 quadratic.
"""

import argparse
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from loops import loop_advantages, on_last_token
from results import save, show, spread, timed

from gd2po.advantages import (
    compute_advantages,
    compute_rollout_advantages,
    filter_names,
    normaliser_names,
)
from gd2po.advantages.registry import usable_combinations

TOGETHER = {
    "share, shrunk, softmin": {"conflict_filter": "share", "normalise": "shrunk", "combine": "softmin"},
    "soft, pooled, dvao": {"conflict_filter": "soft", "normalise": "pooled", "combine": "dvao"},
    "guard, floored, sum": {"conflict_filter": "guard", "normalise": "floored"},
}
METHODS: dict[str, dict[str, Any]] = {
    "GRPO": {"estimator": "grpo"},
    **{f"filter {kind}": {"conflict_filter": kind} for kind in filter_names()},
    **{f"normalise {kind}": {"estimator": "gdpo", "normalise": kind} for kind in normaliser_names()},
    **{f"combine {kind}": {"estimator": "gdpo", "combine": kind} for kind in usable_combinations()},
    **TOGETHER,
}


def measure(size: int, rewards: int, given: argparse.Namespace) -> dict[str, Any]:
    """A row of the table, for shuffled groups of 8, in milliseconds."""
    torch.manual_seed(0)
    scores = {f"reward_{k}": torch.randn(size) for k in range(rewards)}
    group_ids = [f"prompt-{int(i) // 8}" for i in torch.randperm(size)]
    lengths = torch.randint(1, given.tokens + 1, (size,))
    mask = (torch.arange(given.tokens) < lengths[:, None]).to(getattr(torch, given.mask))
    floats, row = mask.float(), torch.randn(size)
    token_scores = [on_last_token(score, lengths, given.tokens) for score in scores.values()]
    works = {
        "ours_ms": (lambda: compute_advantages(scores, group_ids, mask), given.repeats),
        "rows_ms": (lambda: compute_rollout_advantages(scores, group_ids, lengths), given.repeats),
        "multiply_ms": (lambda: floats * row[:, None], given.repeats),
        "loops_ms": (lambda: loop_advantages(token_scores, group_ids, floats), 1),
    }
    times = {name: spread([1e3 * taken for taken in timed(*work)]) for name, work in works.items()}
    ours, multiply, loops = (times[f"{name}_ms"]["median"] for name in ("ours", "multiply", "loops"))
    ratios = {"ours_over_multiply": ours / multiply, "loops_over_ours": loops / ours}
    return {"case": f"K={rewards} N={size}", **times, **ratios}


def measure_methods(size: int, given: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each method and number of rewards, with the growth from the number before."""
    group_ids = [f"prompt-{row // 8}" for row in range(size)]
    mask = torch.ones(size, given.tokens, dtype=getattr(torch, given.mask))
    rows = []
    for name, options in METHODS.items():
        before: tuple[int, float] | None = None
        for rewards in given.method_rewards:
            scores = opposed_scores(size, rewards)
            times = timed(lambda: compute_advantages(scores, group_ids, mask, **options), given.repeats)  # noqa: B023
            row: dict[str, Any] = {"case": f"{name}, K={rewards}", "ours_ms": spread([1e3 * taken for taken in times])}
            now = row["ours_ms"]["median"]
            if before:
                row["growth"] = math.log(now / before[1]) / math.log(rewards / before[0])
            before = rewards, now
            rows.append(row)
    return rows


def opposed_scores(size: int, rewards: int) -> dict[str, torch.Tensor]:
    """Rewards of which the last opposes the sum of the others, so that a guard has work to do."""
    torch.manual_seed(0)
    others = torch.randn(rewards - 1, size)
    opposed = torch.randn(size) - 2 * others.sum(0)
    return {f"reward_{k}": row for k, row in enumerate([*others, opposed])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048, 8192, 16384], help="N, rollouts")
    parser.add_argument("--rewards", type=int, nargs="+", default=[2, 3, 8], help="K")
    parser.add_argument("--method-size", type=int, default=2048, help="N of the second table")
    parser.add_argument("--method-rewards", type=int, nargs="+", default=[3, 8, 16], help="K of the second table")
    parser.add_argument("--tokens", type=int, default=1024, help="T")
    parser.add_argument("--repeats", type=int, default=9, help="runs of which the median counts; the loops count once")
    parser.add_argument("--threads", type=int, default=1, help="one, so that ratios count work and not waiting cores")
    parser.add_argument("--mask", choices=["bool", "int64", "float32"], default="int64", help="verl's is int64")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} threads, T = {given.tokens}, {given.mask} mask")
    rows = []
    for rewards in given.rewards:
        measured = [measure(size, rewards, given) for size in given.sizes]
        for (size, row), (before, last) in pairwise(zip(given.sizes[::-1], measured[::-1], strict=True)):
            row["growth"] = row["ours_ms"]["median"] / last["ours_ms"]["median"] / (size / before)
        rows += measured
    show("advantages", rows)
    methods = measure_methods(given.method_size, given)
    show("advantages by method", methods)
    save("advantages", [*rows, *methods], given.json)


if __name__ == "__main__":
    main()
