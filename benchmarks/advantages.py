"""Time the advantages of GD²PO-Hard against per-row loops, and against one multiply pass over [N, T].

    python -P benchmarks/advantages.py                      # minutes; --sizes 512 2048 for a quick look

`loops` is the published style: scores as tensors [N, T] that are 0 but on the last token, a dictionary of lists per
group, one Python iteration and one 0-d tensor per row and reward, every group compared with all ids for its kept share,
and everything broadcast to tokens before it is whitened. `multiply` is float mask × row
scalar: the least that any estimator with [N, T] output can cost. `rows` is the part of ours that does not touch [N, T].
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from gd2po.advantages import compute_advantages, compute_rollout_advantages


def loop_normalise(scores: Tensor, group_ids: Sequence[str], mask: Tensor, *, norm_by_std: bool = True) -> Tensor:
    """Group-normalised scores [N], row by row, on every response token [N, T]. A lone rollout keeps its raw score."""
    members = defaultdict(list)
    for row, group in enumerate(group_ids):
        members[group].append(scores[row])
    mean, std = {}, {}
    for group, values in members.items():
        lone = len(values) == 1
        mean[group] = torch.tensor(0.0) if lone else torch.stack(values).mean()
        std[group] = torch.tensor(1.0) if lone else torch.stack(values).std()
    normalised = torch.empty_like(scores)
    for row, group in enumerate(group_ids):
        centred = scores[row] - mean[group]
        normalised[row] = centred / (std[group] + 1e-6) if norm_by_std else centred
    return normalised[:, None] * mask


def loop_kept(per_reward: Sequence[Tensor], threshold: float) -> list[bool]:
    """Which rows pass the conflict filter, judged on token sums; threshold 1 is the hard filter."""
    votes = torch.stack([tokens.sum(-1) for tokens in per_reward], dim=1)
    kept = []
    for row in votes:
        conflict = bool((row > 1e-8).any() and (row < -1e-8).any())
        ratio = row.sum().abs() / (row.abs().sum() + 1e-8)
        kept.append(not (conflict and bool(ratio < threshold)))
    return kept


def loop_whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance over the mask's tokens."""
    count = mask.sum()
    mean = (values * mask).sum() / (count + 1e-8)
    variance = ((values - mean) ** 2 * mask).sum() / (count + 1e-8) * count / (count - 1)
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


def on_last_token(scores: Tensor, lengths: Tensor, tokens: int) -> Tensor:
    """Scores [N] as trainers pass them: [N, T], 0 but on the last response token (none in an empty response)."""
    return scores[:, None] * (torch.arange(tokens) == lengths.clamp(min=1)[:, None] - 1)


def loop_advantages(
    token_scores: Sequence[Tensor],
    group_ids: Sequence[str],
    mask: Tensor,
    *,
    estimator: str = "gd2po",
    threshold: float = 1.0,
    norm_by_std: bool = True,
    whiten: bool = True,
) -> Tensor:
    """GRPO, GDPO or GD²PO in plain loops, as published: token scores [N, T] per reward, float32 mask and result."""
    scores = [tokens.sum(-1) for tokens in token_scores]
    if estimator == "grpo":
        return loop_normalise(torch.stack(scores).sum(0), group_ids, mask, norm_by_std=norm_by_std)
    per_reward = [loop_normalise(row, group_ids, mask, norm_by_std=norm_by_std) for row in scores]
    summed = torch.stack(per_reward).sum(0)
    if estimator == "gd2po":
        kept = torch.tensor(loop_kept(per_reward, threshold))
        ids = np.array(group_ids, dtype=object)
        for group in np.unique(ids):
            rows = torch.from_numpy(ids == group)
            summed[rows] *= kept[rows].float().mean()
        mask = mask * kept[:, None]
        summed = summed * mask
    return loop_whiten(summed, mask) if whiten else summed


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall-clock time of `repeats` calls, after one to warm up if there are several."""
    if repeats > 1:
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(rollouts: int, tokens: int, rewards: int, dtype: torch.dtype, repeats: int) -> tuple[float, ...]:
    """Seconds of ours, of its rows, of one multiply pass and of the loops, for shuffled groups of 8."""
    torch.manual_seed(0)
    scores = {f"reward_{k}": torch.randn(rollouts) for k in range(rewards)}
    group_ids = [f"prompt-{int(i) // 8}" for i in torch.randperm(rollouts)]
    lengths = torch.randint(1, tokens + 1, (rollouts,))
    mask = (torch.arange(tokens) < lengths[:, None]).to(dtype)
    floats, row = mask.float(), torch.randn(rollouts)
    token_scores = [on_last_token(score, lengths, tokens) for score in scores.values()]
    return (
        median_seconds(lambda: compute_advantages(scores, group_ids, mask), repeats),
        median_seconds(lambda: compute_rollout_advantages(scores, group_ids, lengths), repeats),
        median_seconds(lambda: floats * row[:, None], repeats),
        median_seconds(lambda: loop_advantages(token_scores, group_ids, floats), 1),
    )


def main() -> None:
    """Print one line per size: milliseconds, ratios, and growth relative to growth in N (1.00 is linear)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048, 8192, 16384], help="N, rollouts")
    parser.add_argument("--rewards", type=int, nargs="+", default=[2, 3, 8], help="K")
    parser.add_argument("--tokens", type=int, default=1024, help="T")
    parser.add_argument("--repeats", type=int, default=9, help="runs of which the median counts; the loops run once")
    parser.add_argument("--threads", type=int, default=1, help="one, so that ratios count work and not waiting cores")
    parser.add_argument("--mask", choices=["bool", "int64", "float32"], default="int64", help="verl's is int64")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, T = {given.tokens}, {given.mask} mask; ms")
    headings = (
        ("ours", 9),
        ("rows", 9),
        ("multiply", 9),
        ("loops", 10),
        ("ours/multiply", 14),
        ("loops/ours", 11),
        ("growth", 7),
    )
    print(f"{'K':>3} {'N':>7}", *(f"{heading:>{width}}" for heading, width in headings))
    for rewards in given.rewards:
        last: tuple[int, float] | None = None
        for size in given.sizes:
            ours, rows, multiply, loops = measure(
                size, given.tokens, rewards, getattr(torch, given.mask), given.repeats
            )
            growth = f"{ours / last[1] / (size / last[0]):7.2f}" if last else "      -"
            last = size, ours
            times = f"{ours * 1e3:9.2f} {rows * 1e3:9.2f} {multiply * 1e3:9.2f} {loops * 1e3:10.1f}"
            print(f"{rewards:>3} {size:>7} {times} {ours / multiply:14.2f} {loops / ours:11.1f} {growth}")


if __name__ == "__main__":
    main()
