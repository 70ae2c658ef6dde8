"""Advantages by verl's own code and by ours. hosts.py compares whole training steps.

    python benchmarks/peers.py

`difference` is the largest one between an advantage of the peer and of ours.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import save, show, spread, timed_in_turn
from torch import Tensor

from gd2po.advantages import compute_advantages


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048], help="N of the advantages")
    parser.add_argument("--rewards", type=int, default=3, help="K")
    parser.add_argument("--tokens", type=int, default=1024, help="T")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    rows = [row for size in chosen.sizes for row in estimators(size, chosen)]
    show("peers", rows)
    save("peers", rows, chosen.json)


def estimators(size: int, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """verl's GRPO and GDPO and ours, in turn, on the same shuffled groups of 8."""
    torch.manual_seed(0)
    scores = {f"reward_{k}": torch.randn(size) for k in range(chosen.rewards)}
    lengths = torch.randint(2, chosen.tokens + 1, (size,))
    mask = (torch.arange(chosen.tokens) < lengths[:, None]).long()
    ids = np.array([f"prompt-{index // 8}" for index in torch.randperm(size).tolist()], dtype=object)
    rows = []
    for name, peer in {"grpo": verl_grpo, "gdpo": verl_gdpo}.items():
        works = [
            lambda name=name: compute_advantages(scores, ids, mask, estimator=name).advantages,
            peer(scores, ids, mask),
        ]
        ours, theirs = map(spread, timed_in_turn(works, chosen.repeats))
        difference = float((works[0]() - works[1]()).abs().max())
        rows.append(compared(f"{name} N={size}: verl", ours, theirs) | {"difference": difference})
    return rows


def verl_grpo(scores: dict[str, Tensor], ids: Any, mask: Tensor) -> Callable[[], Tensor]:
    """verl's GRPO of the summed scores, which arrive as its trainer has them: [N, T], 0 but on the last token."""
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

    summed = torch.zeros(mask.shape)
    summed[torch.arange(len(mask)), mask.sum(1) - 1] = torch.stack(list(scores.values())).sum(0)
    return lambda: compute_grpo_outcome_advantage(summed, mask, ids)[0]


def verl_gdpo(scores: dict[str, Tensor], ids: Any, mask: Tensor) -> Callable[[], Tensor]:
    """verl's GDPO, which takes the scores of each reward from its batch; prompts are one token long here."""
    from verl.trainer.ppo.core_algos import compute_gdpo_outcome_advantage

    prompts = torch.ones(len(mask), 1, dtype=torch.long)
    inputs = {
        "config": {"gdpo_reward_keys": list(scores)},
        "non_tensor_batch": {name: values.numpy() for name, values in scores.items()},
        "batch": {"prompts": prompts, "attention_mask": torch.cat([prompts, mask], dim=1)},
    }
    unused = torch.zeros(mask.shape)
    return lambda: compute_gdpo_outcome_advantage(unused, mask, ids, **inputs)[0]


def compared(case: str, ours: dict[str, float], peer: dict[str, float]) -> dict[str, Any]:
    """A row of the table."""
    return {"case": case, "ours_s": ours, "peer_s": peer, "peer_over_ours": peer["median"] / ours["median"]}


if __name__ == "__main__":
    main()
