"""Advantages of GD²PO-Hard on one device against per-row loops and a multiply pass over [N, T], in plain torch.

    python benchmarks/gpu_advantages.py                      # on the GPU, if there is one
    python benchmarks/gpu_advantages.py --device cpu --sizes 512

The same work as in advantages.py with every tensor on the device; `loops` is the published style, see loops.py. `rows`
is the part of ours that does not touch [N, T], `multiply` is float mask × row scalar: the least that any [N, T] costs.
`difference` is the largest one between an advantage of ours and of the loops.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from loops import loop_advantages, on_last_token
from results import save, show, spread, timed_in_turn

from gd2po.advantages import compute_advantages, compute_rollout_advantages

TOLERANCE = 1e-4
"""Of an advantage: the loops sum [N, T] in float32."""


def arguments() -> argparse.Namespace:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048, 8192] if gpu else [512, 2048], help="N")
    parser.add_argument("--rewards", type=int, nargs="+", default=[3], help="K")
    parser.add_argument("--tokens", type=int, default=1024, help="T")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    device = torch.device(chosen.device)
    print(torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads")
    with device:  # also what the loops make on their way
        rows = [measure(chosen, device, rewards, size) for rewards in chosen.rewards for size in chosen.sizes]
    show("gpu_advantages", rows)
    save("gpu_advantages", rows, chosen.json)
    worst = max(row["difference"] for row in rows)
    if not worst <= TOLERANCE:
        raise SystemExit(f"advantages differ by {worst:.1e} from those of the loops; expected at most {TOLERANCE}")


def measure(chosen: argparse.Namespace, device: torch.device, rewards: int, size: int) -> dict[str, Any]:
    """One row of the table, for shuffled groups of 8; binary scores, so that many rollouts are in conflict."""
    torch.manual_seed(0)
    scores = {f"reward_{k}": torch.randint(2, (size,)).float() for k in range(rewards)}
    group_ids = [f"prompt-{index // 8}" for index in torch.randperm(size).tolist()]
    lengths = torch.randint(1, chosen.tokens + 1, (size,))
    mask = torch.arange(chosen.tokens) < lengths[:, None]
    floats, row = mask.float(), torch.randn(size)
    token_scores = [on_last_token(score, lengths, chosen.tokens) for score in scores.values()]
    works = {
        "ours_s": lambda: compute_advantages(scores, group_ids, mask).advantages,
        "rows_s": lambda: compute_rollout_advantages(scores, group_ids, lengths),
        "multiply_s": lambda: floats * row[:, None],
        "loops_s": lambda: loop_advantages(token_scores, group_ids, floats),
    }
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    times = timed_in_turn(list(works.values()), chosen.repeats, synchronize)
    figures = dict(zip(works, map(spread, times), strict=True))
    return {
        "case": f"K={rewards} N={size}",
        **figures,
        "loops_over_ours": figures["loops_s"]["median"] / figures["ours_s"]["median"],
        "difference": float((works["ours_s"]() - works["loops_s"]()).abs().max()),
    }


if __name__ == "__main__":
    main()
