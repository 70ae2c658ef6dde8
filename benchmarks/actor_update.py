"""Time of verl's actor update and of its pass for old log-probabilities, with and without masked rollouts.

    python benchmarks/actor_update.py                  # about two minutes on two cores
    python benchmarks/actor_update.py --hidden 256 --layers 4 --rows 64

Masked rollouts have no advantage. At a kept share of one half, half of the rows have one. The engine is verl's own;
expected is a ratio of at most the kept share of the tokens + 0.10.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from results import save, show, spread, timed_in_turn
from verl_engine import build_worker, join, launch, mini_batch, parser, set_loss


def arguments() -> argparse.Namespace:
    options = parser(__doc__ or "")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--json", type=Path)
    return options.parse_args()


def work(rank: int, chosen: argparse.Namespace, port: int, folder: str) -> None:
    join(rank, chosen, port)
    worker, actor = build_worker(chosen, folder)
    set_loss(worker, actor, "token-mean")
    rows = [measure(worker, chosen, rank, kept) for kept in chosen.kept]
    if rank == 0:
        show("actor_update", rows)
        save("actor_update", rows, chosen.json)


def measure(worker: Any, chosen: argparse.Namespace, rank: int, kept: float) -> dict[str, Any]:
    """Times of both passes over one mini-batch, with all rows and without the masked ones, taken in turn."""
    whole = mini_batch(chosen, rank, kept, skip=False)
    rest = with_advantage(whole, worker)
    works = [
        lambda: worker.train_batch(mini_batch(chosen, rank, kept, skip=False)),
        lambda: worker.train_batch(mini_batch(chosen, rank, kept, skip=True)),
        lambda: infer(worker, whole),
        lambda: infer(worker, rest),
    ]
    update, update_skipped, forward, forward_skipped = timed_in_turn(works, chosen.repeats, barrier)
    return {
        "case": f"kept {kept:.2f}",
        "kept_tokens": tokens(rest) / tokens(whole),
        "update_s": spread(update),
        "update_skipped_s": spread(update_skipped),
        "update_ratio": spread([ours / all_ for ours, all_ in zip(update_skipped, update, strict=True)]),
        "old_log_prob_s": spread(forward),
        "old_log_prob_skipped_s": spread(forward_skipped),
        "old_log_prob_ratio": spread([ours / all_ for ours, all_ in zip(forward_skipped, forward, strict=True)]),
    }


def with_advantage(whole: Any, worker: Any) -> Any:
    """The rows that the plug-in keeps, equally many on every worker."""
    from verl.utils import tensordict_utils as tu

    from gd2po.hosts.verl.step.skipping import rows_to_keep

    return tu.index_select_tensor_dict(whole, rows_to_keep(whole, worker.engine.get_data_parallel_group()))


def infer(worker: Any, data: Any) -> Any:
    """The pass for old log-probabilities, entropy included, as verl's trainer asks for it."""
    from verl.utils import tensordict_utils as tu

    asked = data.copy()
    tu.assign_non_tensor(asked, calculate_entropy=True, compute_loss=False)
    return worker.infer_batch(asked)


def tokens(data: Any) -> int:
    return int(data["input_ids"].offsets()[-1])


def barrier() -> None:
    torch.distributed.barrier()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    launch(work, arguments())
