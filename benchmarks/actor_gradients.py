"""Gradients of verl's actor with and without the rows that have no advantage: how much they differ, as JSON.

    python benchmarks/actor_gradients.py --workers 2 --fixed --loss-agg-mode token-mean seq-mean-token-mean

The difference is the norm of the difference of the two gradients, relative to the norm of the unskipped one.
"""

import argparse
import json
from typing import Any

import torch
from verl_engine import build_worker, join, launch, mini_batch, parser, set_loss


def arguments() -> argparse.Namespace:
    options = parser(__doc__ or "")
    options.add_argument("--loss-agg-mode", nargs="+", default=["token-mean"])
    return options.parse_args()


def work(rank: int, chosen: argparse.Namespace, port: int, folder: str) -> None:
    join(rank, chosen, port)
    worker, actor = build_worker(chosen, folder)
    differences = {}
    for mode in chosen.loss_agg_mode:
        set_loss(worker, actor, mode)
        differences[mode] = {str(kept): difference(worker, chosen, rank, kept) for kept in chosen.kept}
    if rank == 0:
        print(json.dumps(differences))


def difference(worker: Any, chosen: argparse.Namespace, rank: int, kept: float) -> float:
    plain, skipped = (gradients(worker, mini_batch(chosen, rank, kept, skip)) for skip in (False, True))
    return float((plain - skipped).norm() / plain.norm())


def gradients(worker: Any, data: Any) -> torch.Tensor:
    """All gradients of one update, as one vector, when the optimizer gets them."""
    found: list[torch.Tensor] = []
    step = worker.engine.optimizer_step

    def record() -> float:
        grads = [parameter.grad for parameter in worker.engine.module.parameters()]
        found.extend(grad.full_tensor().flatten().double() for grad in grads)
        return float(step())

    worker.engine.optimizer_step = record
    try:
        worker.train_batch(data)
    finally:
        worker.engine.optimizer_step = step
    return torch.cat(found)


if __name__ == "__main__":
    launch(work, arguments())
