"""The same work done by verl's own code, by TRL and by ours: advantages, and whole training steps.

    python benchmarks/peers.py                                       # verl's estimators
    python benchmarks/peers.py --trl-python /path/to/venv/bin/python # and TRL's trainer against verl with the plug-in

TRL needs an environment of its own (`pip install trl`), beside the same torch. Both trainers get the quickstart's
policy, prompts, rewards and sizes, and train GDPO: 16 prompts × 8 rollouts and two updates a step, without validation.
TRL runs in one process, before and after ours; verl in several, under Ray. Times of a trainer are of its steps without
the first: its start is not in them.
`difference` is the largest one between an advantage of the peer and of ours.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from quickstart_run import train
from results import save, show, spread, timed_in_turn
from torch import Tensor

import gd2po
from gd2po.advantages import compute_advantages, compute_rollout_advantages
from gd2po.hosts.verl.cpu.settings import thread_variables
from gd2po.quickstart import Plan, prepare_policy, prepare_task
from gd2po.quickstart.plan import TARGET_WORDS

METHOD = "gdpo"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048], help="N of the advantages")
    parser.add_argument("--rewards", type=int, default=3, help="K")
    parser.add_argument("--tokens", type=int, default=1024, help="T")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trl-python", type=Path, help="Python of an environment with TRL; not compared if not given")
    parser.add_argument("--steps", type=int, default=6, help="of the trainers")
    parser.add_argument("--folder", type=Path, default=Path("outputs/peers"), help="for policy, prompts and run")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    rows = [row for size in chosen.sizes for row in estimators(size, chosen)]
    if chosen.trl_python:
        rows += trainers(chosen)
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


def trainers(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Seconds per step of verl with the plug-in and of TRL, and both advantages of the scores of TRL's first step."""
    plan = Plan((METHOD,), chosen.steps, seed=1, folder=chosen.folder.resolve())
    prepare_task(plan)
    prepare_policy(plan, lambda share: None)
    trl = train_trl(chosen.trl_python, plan)
    ours_s = [step["data"]["timing_s/step"] for step in train(plan, METHOD)[1:]]
    later = train_trl(chosen.trl_python, plan)  # other work on the machine may have begun or ended
    peer_s = trl["seconds"][1:] + later["seconds"][1:]
    scores = {name: torch.tensor(values) for name, values in trl["scores"].items()}
    theirs = torch.tensor(trl["advantages"])
    ids = [index // 8 for index in range(len(theirs))]
    lengths = torch.ones(len(theirs), dtype=torch.long)
    ours = compute_rollout_advantages(scores, ids, lengths, estimator=METHOD, whiten="rollouts").rollout_advantages
    row = compared(f"{METHOD} step: TRL {trl['trl']}", spread(ours_s), spread(peer_s))
    return [row | {"difference": float((ours - theirs).abs().max())}]


def train_trl(python: Path, plan: Plan) -> dict[str, Any]:
    """What peers_trl.py prints."""
    command = [str(python), str(Path(__file__).with_name("peers_trl.py")), "--policy", str(plan.policy)]
    command += ["--prompts", str(plan.folder / f"data-seed{plan.seed}" / "train.parquet"), "--steps", str(plan.steps)]
    command += ["--target-words", str(TARGET_WORDS)]
    package = str(Path(gd2po.__file__).parents[1])  # so that the rewards are the same code
    environment = os.environ | thread_variables(1) | {"PYTHONPATH": package}  # threads wait as they do in our runs
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
