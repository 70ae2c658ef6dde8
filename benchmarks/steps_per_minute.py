"""Steps per minute of verl's trainer on CPU by how it waits for rollouts, and how long it takes to start.

    python benchmarks/steps_per_minute.py                          # 16 prompts × 8 rollouts a step
    python benchmarks/steps_per_minute.py --prompts 2 --repeats 3  # shorter steps

Each run is the quickstart's: its policy, prompts, rewards and seed, without validation. "2 s" is verl's interval, "50
ms" a short fixed one, "plug-in" what a run gets. They take turns. `first_step_s` counts from the command to the end of
the first step; the other figures leave that step out. `same_prompts`: every step has the prompts of the first run's.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstart_run import train
from results import save, show, spread

from gd2po.quickstart import Plan, prepare_policy, prepare_task
from gd2po.runs.process import read_steps

METHOD = "gd2po_hard"
SAMPLER = "trainer.v1.sampler.custom_sampler"
WAITS = {"2 s": "EveryTwoSeconds", "50 ms": "Every50Milliseconds", "plug-in": None}


@dataclass(frozen=True)
class Run:
    """What was measured of one run; times in seconds."""

    first_step: float
    steps: list[float]
    rollouts: list[float]
    prompts: list[Counter[str]]


def main() -> None:
    chosen = arguments()
    plan = Plan((METHOD,), chosen.steps, seed=1, folder=chosen.folder.resolve())
    prepare_task(plan)
    prepare_policy(plan, lambda share: None)
    found: dict[str, list[Run]] = {name: [] for name in chosen.waits}
    for _ in range(chosen.repeats):
        for name in chosen.waits:
            found[name].append(measure(plan, name, chosen.prompts))
    reference = found[chosen.waits[0]][0].prompts
    rows = [row(name, taken, reference) for name, taken in found.items()]
    show("steps_per_minute", rows)
    save("steps_per_minute", rows, chosen.json)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waits", nargs="+", default=list(WAITS), choices=WAITS, help="ways to wait")
    parser.add_argument("--steps", type=int, default=8, help="of each run")
    parser.add_argument("--prompts", type=int, default=16, help="of a step, a multiple of 2")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each way")
    parser.add_argument("--folder", type=Path, default=Path("outputs/peers"), help="for policy, prompts and runs")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def measure(plan: Plan, name: str, prompts: int) -> Run:
    """One run."""
    started, first_step = time.monotonic(), []

    def watch(metrics: Path) -> None:
        if not first_step and any(read_steps(metrics)):
            first_step.append(time.monotonic() - started)

    overrides = [f"data.train_batch_size={prompts}", f"actor_rollout_ref.actor.ppo_mini_batch_size={prompts // 2}"]
    if sampler := WAITS[name]:
        pollers = Path(__file__).with_name("pollers.py").resolve()
        overrides += [f"{SAMPLER}.path={pollers}", f"{SAMPLER}.name={sampler}"]
    steps = train(plan, METHOD, overrides, watch)
    times = [[step["data"][f"timing_s/{part}"] for step in steps[1:]] for part in ("step", "gen")]
    dumps = [plan.run_folder(METHOD) / "rollouts" / f"{step['step']}.jsonl" for step in steps]
    return Run(first_step[0], *times, prompts=[inputs(dump) for dump in dumps])


def inputs(dump: Path) -> Counter[str]:
    """Prompts of a step, with the number of their rollouts."""
    return Counter(json.loads(line)["input"] for line in dump.read_text().splitlines())


def row(name: str, taken: list[Run], reference: list[Counter[str]]) -> dict[str, Any]:
    """A row of the table."""
    steps, rollouts = ([value for run in taken for value in getattr(run, part)] for part in ("steps", "rollouts"))
    return {
        "case": name,
        "steps_per_minute": spread([60 / seconds for seconds in steps]),
        "step_s": spread(steps),
        "rollouts_s": spread(rollouts),
        "first_step_s": spread([run.first_step for run in taken]),
        "same_prompts": all(run.prompts == reference for run in taken),
    }


if __name__ == "__main__":
    main()
