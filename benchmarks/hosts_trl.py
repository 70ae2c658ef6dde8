"""TRL's side of hosts.py, run by the Python that has TRL: the quickstart's task, by TRL's own trainer or by ours.

Prints one JSON at the end: for each step of verl its seconds, by phase, its generated tokens and its mean scores.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trl import GRPOConfig, GRPOTrainer

from gd2po.hosts.trl.launching import compose, grpo_fields, make_trainer
from gd2po.paths import config_dir
from gd2po.quickstart import Plan

STOCK = "trl"
"""TRL's own estimator for several rewards, in the place of a method of ours."""

UPDATES = 2
"""The number of updates on one generation batch."""


def clocks() -> tuple[float, float]:
    """Seconds of the clock on the wall, and of the processor in this process, which other work does not slow."""
    return time.perf_counter(), time.process_time()


class Recorder:
    """What happens in each generation batch and the updates on it, seen from outside of both trainers."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def install(self) -> None:
        """Time three methods of TRL's trainer, from which ours inherits."""
        self._time("_generate", "rollout_s")
        self._time("_calculate_rewards", "reward_s", lambda scores: {"scores": scores.mean(0).tolist()})
        original = GRPOTrainer._generate_and_score_completions

        def begin(trainer: Any, inputs: Any) -> Any:
            self.steps.append({"began": clocks()})
            output = original(trainer, inputs)
            self.steps[-1]["tokens"] = int(output["completion_mask"].sum())
            return output

        GRPOTrainer._generate_and_score_completions = begin

    def _time(self, name: str, key: str, look: Callable[[Any], dict[str, Any]] = lambda result: {}) -> None:
        original = getattr(GRPOTrainer, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = original(*args, **kwargs)
            self.steps[-1] |= {key: time.perf_counter() - start, **look(result)}
            return result

        setattr(GRPOTrainer, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="with data and policy of the quickstart")
    parser.add_argument("--method", required=True, help=f"of the quickstart, or {STOCK}")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("overrides", nargs="*", help="Hydra's")
    chosen = parser.parse_args()
    method = "gdpo" if chosen.method == STOCK else chosen.method
    plan = Plan((method,), chosen.steps, seed=1, folder=chosen.folder)
    config = compose(config_dir("tool-calling"), "base", [*plan.overrides(method), *chosen.overrides])
    trainer = make_trainer(config)
    if chosen.method == STOCK:
        fields = grpo_fields(config) | {"multi_objective_aggregation": "normalize_then_sum"}
        trainer = GRPOTrainer(
            config.actor_rollout_ref.model.path,
            trainer.reward_funcs,
            GRPOConfig(**fields),
            trainer.train_dataset,
            processing_class=trainer.processing_class,
        )
    recorder = Recorder()
    recorder.install()
    trainer.train()
    ends = [*(step["began"] for step in recorder.steps[1:]), clocks()]
    left_out = [entry["update/rows_left_out"] for entry in trainer.state.log_history if "update/rows_left_out" in entry]
    for number, (step, end) in enumerate(zip(recorder.steps, ends, strict=True)):
        step["step_s"], step["cpu_s"] = (after - before for before, after in zip(step.pop("began"), end, strict=True))
        step["left_out"] = sum(left_out[number * UPDATES : (number + 1) * UPDATES]) / UPDATES
        step["scores"] = dict(zip(config.algorithm.gd2po.rewards, step["scores"], strict=True))
    print(json.dumps(recorder.steps))


if __name__ == "__main__":
    main()
