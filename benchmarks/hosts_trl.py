"""TRL's side of hosts.py, run by the Python that has TRL: the quickstart's task, by TRL's own trainer or by ours.

Prints one JSON at the end: for each step of verl its seconds, by phase, its generated tokens and its mean scores, and
in `own_s` the seconds in gd2po's methods without those in the methods of TRL that they call.
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
from gd2po.trl import MultiRewardGRPOTrainer

STOCK = "trl"
"""TRL's own estimator for several rewards, in the place of a method of ours."""

VALIDATION = "actor_rollout_ref.rollout.val_kwargs."
"""The beginning of overrides that TRL needs not: nothing is validated."""


class OwnTime:
    """The seconds in the methods of our trainer, without those in TRL's methods that they call, and so on inwards."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._callers: list[bool] = []
        self._since = 0.0

    def install(self) -> None:
        """Watch each method of TRL's trainer that ours replaces."""
        for name in vars(MultiRewardGRPOTrainer):
            if name != "__init__" and callable(getattr(GRPOTrainer, name, None)):
                self._watch(MultiRewardGRPOTrainer, name, ours=True)
                self._watch(GRPOTrainer, name, ours=False)

    def _watch(self, owner: type, name: str, ours: bool) -> None:
        original = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._callers.append(ours)
            try:
                return original(*args, **kwargs)
            finally:
                self._switch()
                self._callers.pop()

        setattr(owner, name, watched)

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._callers and self._callers[-1]:
            self.seconds += now - self._since
        self._since = now


def clocks() -> tuple[float, float]:
    """Seconds of the clock on the wall, and of the processor in this process, which other work does not slow."""
    return time.perf_counter(), time.process_time()


class Recorder:
    """What happens in each generation batch and the updates on it, seen from outside of both trainers."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.own = OwnTime()

    def install(self) -> None:
        """Time three methods of TRL's trainer, from which ours inherits, and our own."""
        self.own.install()
        self._time("_generate", "rollout_s")
        self._time("_calculate_rewards", "reward_s", lambda scores: {"scores": scores.mean(0).tolist()})
        original = GRPOTrainer._generate_and_score_completions

        def begin(trainer: Any, inputs: Any) -> Any:
            self.steps.append({"began": (*clocks(), self.own.seconds)})
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
    parser.add_argument("--model", required=True, help="the model of the quickstart")
    parser.add_argument("overrides", nargs="*", help="Hydra's")
    chosen = parser.parse_args()
    method = "gdpo" if chosen.method == STOCK else chosen.method
    plan = Plan((method,), chosen.steps, seed=1, folder=chosen.folder, model=chosen.model)
    overrides = [override for override in plan.overrides(method) if not override.startswith(VALIDATION)]
    config = compose(config_dir("tool-calling"), "base", ["scale=cpu", *overrides, *chosen.overrides])
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
    ends = [*(step["began"] for step in recorder.steps[1:]), (*clocks(), recorder.own.seconds)]
    left_out = [entry["update/rows_left_out"] for entry in trainer.state.log_history if "update/rows_left_out" in entry]
    updates = trainer.state.global_step // len(recorder.steps)
    for number, (step, end) in enumerate(zip(recorder.steps, ends, strict=True)):
        seconds = (after - before for before, after in zip(step.pop("began"), end, strict=True))
        step["step_s"], step["cpu_s"], step["own_s"] = seconds
        step["left_out"] = sum(left_out[number * updates : (number + 1) * updates]) / updates
        step["scores"] = dict(zip(config.algorithm.gd2po.rewards, step["scores"], strict=True))
    print(json.dumps(recorder.steps))


if __name__ == "__main__":
    main()
