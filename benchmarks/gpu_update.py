"""An actor update with and without the rows that have no advantage, in plain torch and transformers: for one GPU.

    python benchmarks/gpu_update.py                      # 1.5 billion weights, bfloat16; on CPU tiny, float32
    python benchmarks/gpu_update.py --size 0.5b --packed --attention flash_attention_2

The same question as actor_update.py without verl's engine: time of an update and of a forward pass for old
log-probabilities, with all rows and with the kept ones, and the difference of the two gradients. Weights are random and
float32, as verl's actor holds them, under autocast for bfloat16; activations are recomputed in the backward pass.
Micro-batches are filled by tokens, rows of like length together, padded on the right or (`--packed`) end to end.

The gradients must agree to 1e-5 in float32. In bfloat16 a gradient depends on how rows are divided into micro-batches:
`division_noise` is that difference for the same rows in smaller micro-batches; twice as much is allowed, or 1e-3.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from gpu_policy import PROMPT, SIZES, MicroBatch, Policy, Row, draw_rows, micro_batches
from results import save, show, spread, timed_in_turn

TOLERANCES = {"float32": 1e-5, "bfloat16": 1e-3}


def arguments() -> argparse.Namespace:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1.5b" if gpu else "tiny")
    parser.add_argument("--dtype", choices=TOLERANCES, default="bfloat16" if gpu else "float32", help="of the compute")
    parser.add_argument("--attention", default="sdpa", help="attn_implementation of transformers")
    parser.add_argument("--packed", action="store_true", help="rows end to end; slow under sdpa, whose mask is dense")
    parser.add_argument("--rows", type=int, default=128 if gpu else 16)
    parser.add_argument("--tokens", type=int, default=1024, help="longest response; lengths are log-normal")
    parser.add_argument("--budget", type=int, default=16_384 if gpu else 4096, help="tokens of a micro-batch")
    parser.add_argument("--kept", type=float, nargs="+", default=[1.0, 0.75, 0.5, 0.25], help="shares of the rows")
    parser.add_argument("--repeats", type=int, default=5 if gpu else 3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    policy = Policy(chosen)
    print(f"{policy.name()}, {chosen.dtype}, {chosen.attention}, {'packed' if chosen.packed else 'padded'}")
    rows = [measure(policy, chosen, kept) for kept in chosen.kept]
    show("gpu_update", rows)
    save("gpu_update", rows, chosen.json)
    for row in rows:
        noise = row["division_noise"] if chosen.dtype == "bfloat16" else 0.0
        allowed = max(TOLERANCES[chosen.dtype], 2 * noise)
        if not row["gradient_difference"] <= allowed:
            found = f"{row['gradient_difference']:.1e}"
            raise SystemExit(f"{row['case']}: gradients differ by {found}, relative; expected at most {allowed:.1e}")


def measure(policy: Policy, chosen: argparse.Namespace, kept: float) -> dict[str, Any]:
    """One row of the table: times in turn, ratios of medians, difference of the gradients, peaks of memory."""
    rows = draw_rows(chosen, kept)
    informative = [row for row in rows if row.advantage]
    tokens = [sum(len(row.ids) - PROMPT for row in part) for part in (rows, informative)]

    def divided(part: Sequence[Row], budget: int) -> list[MicroBatch]:
        return micro_batches(part, budget, chosen.packed, policy.device)

    every, some = divided(rows, chosen.budget), divided(informative, chosen.budget)
    otherwise = divided(rows, min(chosen.budget, sum(len(row.ids) for row in rows)) // 2)
    works = [lambda part=part: policy.update(part, tokens[0]) for part in (every, some)]
    works += [lambda part=part: policy.old_log_probs(part) for part in (every, some)]
    update, update_kept, log_probs, log_probs_kept = map(
        spread, timed_in_turn(works, chosen.repeats, policy.synchronize)
    )
    row = {
        "case": f"kept {kept:.2f}",
        "kept_tokens": tokens[1] / tokens[0],
        "update_s": update,
        "update_kept_s": update_kept,
        "update_ratio": update_kept["median"] / update["median"],
        "log_probs_s": log_probs,
        "log_probs_kept_s": log_probs_kept,
        "log_probs_ratio": log_probs_kept["median"] / log_probs["median"],
        "gradient_difference": gradient_difference(policy, every, some, tokens[0]),
        "division_noise": gradient_difference(policy, every, otherwise, tokens[0]),
    }
    if policy.device.type == "cuda":
        row |= {"update_peak_gib": peak_gib(works[0]), "update_kept_peak_gib": peak_gib(works[1])}
    return row


def gradient_difference(policy: Policy, every: Sequence[MicroBatch], some: Sequence[MicroBatch], tokens: int) -> float:
    """Norm of the difference of the two gradients, relative to the norm of the first."""
    policy.backward(every, tokens)
    whole = [parameter.grad.clone() for parameter in policy.model.parameters()]
    policy.backward(some, tokens)
    kept = [parameter.grad for parameter in policy.model.parameters()]
    difference = sum(float((a - b).double().square().sum()) for a, b in zip(whole, kept, strict=True))
    return (difference / sum(float(grad.double().square().sum()) for grad in whole)) ** 0.5


def peak_gib(work: Callable[[], object]) -> float:
    """Most memory of the accelerator while `work` ran."""
    torch.cuda.reset_peak_memory_stats()
    work()
    return torch.cuda.max_memory_allocated() / 2**30


if __name__ == "__main__":
    main()
