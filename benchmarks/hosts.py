"""The same training in every host: stock TRL, gd2po in TRL, and gd2po in verl, by turns.

    python benchmarks/hosts.py --trl-python .venv-trl/bin/python    # scripts/test_trl.sh makes that environment

All get the policy, prompts, rewards, sizes and seed of the quickstart with that `--model`; nothing is validated. TRL's
own estimator is `normalize_then_sum`, which is GDPO. Times are of the steps without the first of each run: its start is
not in them. `rest` is what is neither rollout nor reward: old log-probabilities, advantages, update. `cpu_s` is the
time of the processor in TRL's one process: on a busy machine compare that. `own_s` is the time in gd2po's own methods,
without what they call of TRL. `left_out` is the share of rows without an advantage, which are left out of the update.
Memory is the largest sum of the resident sets of all processes of a run, in which shared pages count once for each.
The second table has the learning curves: the mean sum of all rewards in each step of the first repeat.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from quickstart_run import train
from results import save, show, spread

import gd2po
from gd2po.cpu_threads import thread_variables
from gd2po.quickstart import Plan, prepare_policy, prepare_task
from gd2po.quickstart.models import resolve_model
from gd2po.quickstart.plan import REWARDS, TINY_MODEL
from gd2po.runs import process as runs

SMALL = ("trainer.test_freq=-1", "trainer.val_before_train=false", "trainer.logger=[console]")

Steps = list[dict[str, Any]]
"""For each step its times by phase, `left_out`, `tokens`, and in `scores` the mean of each reward."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl-python", type=Path, help="Python of an environment with TRL; without it, verl alone")
    parser.add_argument("--methods", nargs="+", default=["gdpo", "gd2po_hard"], help="of ours")
    parser.add_argument("--v0", action="store_true", help="verl's other trainer, too")
    parser.add_argument("--no-verl", action="store_true", help="TRL alone")
    parser.add_argument("--model", default=TINY_MODEL, help=f"{TINY_MODEL}, or what the quickstart takes (not auto)")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("outputs/hosts"), help="for policy, prompts and runs")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    chosen = parser.parse_args()
    model = resolve_model(chosen.model, print)
    plan = Plan(tuple(chosen.methods), chosen.steps, seed=1, folder=chosen.folder.resolve(), model=model)
    prepare_task(plan)
    prepare_policy(plan, lambda share: None)
    results: dict[str, list[Steps]] = {}
    memory: dict[str, float] = {}
    for _ in range(chosen.repeats):
        for case, work in works(plan, chosen).items():
            peak = Peak()
            results.setdefault(case, []).append(work(peak))
            memory[case] = max(memory.get(case, 0), peak.gib)
    rows = [row(case, repeats, memory[case]) for case, repeats in results.items()]
    show("hosts", rows)
    show("hosts, learning curves", curves(results))
    save("hosts", rows, chosen.json)


class Peak:
    """The largest memory of all processes that this one has started."""

    def __init__(self) -> None:
        self.gib = 0.0

    def __call__(self, _: Any = None) -> None:
        total = 0
        for process in psutil.Process().children(recursive=True):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.gib = max(self.gib, total / 2**30)


def works(plan: Plan, chosen: argparse.Namespace) -> dict[str, Callable[[Peak], Steps]]:
    """Name of a case → its training."""
    cases: dict[str, Callable[[Peak], Steps]] = {}
    if chosen.trl_python:
        python = chosen.trl_python.absolute()
        cases["trl, stock"] = lambda peak: train_trl(python, plan, "trl", peak)
        for method in plan.methods:
            cases[f"trl, {method}"] = lambda peak, method=method: train_trl(python, plan, method, peak)
    for version, overrides in {"V1": (), **({"V0": ("trainer.use_v1=false",)} if chosen.v0 else {})}.items():
        for method in () if chosen.no_verl else plan.methods:
            cases[f"verl {version}, {method}"] = lambda peak, method=method, overrides=overrides: train_verl(
                plan, method, overrides, peak
            )
    return cases


def train_trl(python: Path, plan: Plan, method: str, peak: Peak) -> Steps:
    """What hosts_trl.py prints."""
    folder = plan.folder / f"trl-{method}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [str(python), str(Path(__file__).with_name("hosts_trl.py")), "--folder", str(plan.folder)]
    command += ["--method", method, "--steps", str(plan.steps), "--model", plan.model]
    command += [*SMALL, f"trainer.default_local_dir={folder}"]
    package = str(Path(gd2po.__file__).parents[1])  # so that it is the same code
    environment = thread_variables(1) | {"PYTHONPATH": package, "CUDA_VISIBLE_DEVICES": ""}
    log = folder / "log.txt"
    code = runs.run(command, log, environment, peak)
    if code != 0:
        raise SystemExit(str(runs.failure(method, code, log)))
    (line,) = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("[{")]
    return json.loads(line)


def train_verl(plan: Plan, method: str, overrides: Sequence[str], peak: Peak) -> Steps:
    """The metrics of verl under the names of hosts_trl.py."""
    return [
        {
            "step_s": data["timing_s/step"],
            "rollout_s": data["timing_s/gen"],
            "reward_s": data.get("timing_s/reward", 0.0),
            "left_out": data.get("update/rows_left_out", 0.0),
            "tokens": data["response_length/mean"] * 8 * plan.sizes.prompts,
            "scores": {name: data[f"reward/{name}/mean"] for name in REWARDS},
        }
        for data in (step["data"] for step in train(plan, method, overrides, peak))
    ]


def row(case: str, repeats: Sequence[Steps], memory: float) -> dict[str, Any]:
    """A row of the table: seconds of a step, by phase, tokens and memory."""
    steps = [step for repeat in repeats for step in repeat[1:]]
    rest = [step["step_s"] - step["rollout_s"] - step["reward_s"] for step in steps]
    phases = {key: spread([step[key] for step in steps]) for key in ("step_s", "rollout_s", "reward_s")}
    rates = {"tokens_per_s": spread([step["tokens"] / step["step_s"] for step in steps])}
    for key in ("cpu_s", "own_s"):
        if key in steps[0]:
            phases[key] = spread([step[key] for step in steps])
    phases["left_out"] = spread([step["left_out"] for step in steps])
    return {"case": case, **phases, "rest_s": spread(rest), **rates, "memory_gib": memory}


def curves(results: dict[str, list[Steps]]) -> list[dict[str, Any]]:
    """For each step the mean sum of the rewards in each host."""
    count = min(len(repeats[0]) for repeats in results.values())
    return [
        {"case": f"step {number + 1}"}
        | {case: sum(repeats[0][number]["scores"].values()) for case, repeats in results.items()}
        for number in range(count)
    ]


if __name__ == "__main__":
    main()
