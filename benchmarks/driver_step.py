"""What the trainer's own process does between rollouts and update, for stock GRPO and with the plug-in.

    python benchmarks/driver_step.py                 # 2,048 rollouts x 1,024 tokens x 3 rewards
    python benchmarks/driver_step.py --rewards 8     # the last case has every option on
    python benchmarks/driver_step.py --rollouts 256 --repeats 9

verl's trainer code runs on a batch in a real TransferQueue, without workers: `advantage` fetches, estimates and writes
back, `estimate` is the call inside it that the plug-in wraps, `dump` writes the rollouts to disk to the last line, and
`metrics` makes verl's metrics and prints the plug-in's line. `groups` is the look of verl's replay buffer at all
groups of the batch, where its group filter is on, with the fetch of their scores; it is not part of the total, since a
training looks at each while it waits for others. Cases take turns.

The plug-in freezes the heap at the first step of a run, so that Python's collector does not look through all libraries
several times a step. The second case gives stock verl the same, and `beyond_stock_ms` is the time of a case less that
of the second in the same turn: what the plug-in's work costs. What freezing saves is in the first row.
`cpu_beyond_stock_ms` is the same in processor time of this process, all threads, which a busy machine disturbs less.
Both vary by far more than they are. `plugin_ms` is what can be told apart: the time in the plug-in's wrappers of these
phases, less that in verl's functions which they call. It has the estimator, whose time in stock verl is `estimate_ms`.
"""

import argparse
import contextlib
import cProfile
import gc
import io
import os
import pstats
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from plugin_time import PluginTime
from results import save, show, spread

PARTITION, PER_PROMPT, PROMPT_TOKENS = "train", 8, 64
COLUMNS = ("groups", "advantage", "estimate", "dump", "metrics", "total", "beyond_stock", "cpu_beyond_stock", "plugin")
WRAPPED = (
    "PPOTrainer._compute_advantage",
    "compute_advantage_for_multi_trajectories",
    "PPOTrainer._dump_generations",
    "PPOTrainer._compute_metrics",
)
"""verl's functions of these phases that the plug-in wraps."""
STOCK, FROZEN = "stock grpo", "stock grpo, frozen heap"
EVERY_OPTION = (
    *("+algorithm.gd2po.filter.kind=snr", "+algorithm.gd2po.filter.threshold=0.8"),
    "+algorithm.gd2po.rewards.reward_0.direction=minimize",
    "+algorithm.gd2po.rewards.reward_1.requires.reward_0=2.0",
    *("+algorithm.gd2po.whiten=rollouts", "+algorithm.gd2po.missing=error"),
    *("algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=gd2po"),
    "algorithm.filter_groups.max_num_gen_batches=4",
)
CASES: dict[str, tuple[str, tuple[str, ...] | None]] = {
    STOCK: ("grpo", None),
    FROZEN: ("grpo", None),
    "grpo with the plug-in": ("grpo", ()),
    "gdpo": ("gdpo", ()),
    "gd2po hard": ("gd2po", ("+algorithm.gd2po.filter.kind=hard",)),
    "gd2po snr": ("gd2po", ("+algorithm.gd2po.filter.kind=snr", "+algorithm.gd2po.filter.threshold=0.8")),
    "gd2po guard, floored": (
        "gd2po",
        ("+algorithm.gd2po.filter.kind=guard", "+algorithm.gd2po.normalise.kind=floored"),
    ),
    "gd2po soft, shrunk, softmin": (
        "gd2po",
        (
            "+algorithm.gd2po.filter.kind=soft",
            "+algorithm.gd2po.normalise.kind=shrunk",
            "+algorithm.gd2po.combine.kind=softmin",
        ),
    ),
    "gd2po, every option": ("gd2po", EVERY_OPTION),
}
"""Case → the estimator, and the overrides with which the plug-in does its work; None: without the plug-in."""

Seconds = dict[str, list[float]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=2048, help=f"N, {PER_PROMPT} of each prompt")
    parser.add_argument("--tokens", type=int, default=1024, help="T, the longest response; lengths are log-normal")
    parser.add_argument("--rewards", type=int, default=3, help="K")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--profile", choices=CASES, help="print where one step of a case spends its time, and stop")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    with TemporaryDirectory() as folder, queue():
        batch = put_rollouts(chosen.rollouts, chosen.tokens, chosen.rewards)
        trainers = {case: bare_trainer(case, chosen, Path(folder)) for case in CASES}
        if chosen.profile:
            profile(trainers[chosen.profile], batch)
            return
        rows = [row(case, taken) for case, taken in in_turn(trainers, batch, chosen.repeats).items()]
    show("driver_step", rows)
    save("driver_step", rows, chosen.json)


@contextlib.contextmanager
def queue() -> Iterator[None]:
    """A TransferQueue on a Ray of its own, as large as the configuration of a small machine makes it."""
    os.environ.setdefault("TQ_NUM_THREADS", str(os.cpu_count()))  # it warns at each access when there are fewer cores
    import ray
    import transfer_queue as tq

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    tq.init(configuration().transfer_queue)
    try:
        yield
    finally:
        tq.close()
        ray.shutdown()


def configuration(*overrides: str) -> Any:
    from hydra import compose, initialize_config_module

    small = ["transfer_queue.enable=true", "transfer_queue.backend.SimpleStorage.num_data_storage_units=1"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=[*small, f"actor_rollout_ref.rollout.n={PER_PROMPT}", *overrides])


def bare_trainer(case: str, chosen: argparse.Namespace, folder: Path) -> Any:
    """verl's trainer with all that the three phases need, and no workers."""
    from verl.trainer.ppo.v1 import get_trainer_cls

    from gd2po.quickstart.tokenizer import train_tokenizer

    estimator, options = CASES[case]
    overrides = [f"algorithm.adv_estimator={estimator}", f"trainer.default_local_dir={folder / estimator}"]
    overrides += [f"data.train_batch_size={chosen.rollouts // PER_PROMPT}"]
    if options is not None:
        overrides += [f"+algorithm.gd2po.rewards.reward_{k}.weight=1.0" for k in range(chosen.rewards)]
        overrides += options
    cls = get_trainer_cls("sync")
    trainer = cls.__new__(cls)
    trainer.config = configuration(*overrides, f"trainer.rollout_data_dir={folder / 'rollouts'}")
    trainer.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=["worker"])
    trainer.resource_pool_manager = SimpleNamespace(get_n_gpus=lambda: 1)
    trainer.tokenizer = train_tokenizer(["some words of an answer"], 512)
    trainer.use_critic, trainer._rollout_moe_lb_metrics_accumulator = False, None
    trainer.global_steps = trainer.total_training_steps = 1
    trainer.trainer_mode = "sync"
    trainer.replay_buffer = trainer._build_replay_buffer()
    return trainer


def put_rollouts(rollouts: int, tokens: int, rewards: int) -> Any:
    """The batch as verl's agent loop and its step leave it before the advantages, with scores of `rewards` rewards."""
    import transfer_queue as tq
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    torch.manual_seed(0)
    lengths = (torch.randn(rollouts).mul(0.5).exp() * tokens / 3).long().clamp(1, tokens).tolist()
    lengths[0] = tokens
    scores = torch.randint(0, 5, (rollouts, rewards)).float().tolist()
    keys = [f"prompt{row // PER_PROMPT}_{row % PER_PROMPT}_0" for row in range(rollouts)]
    rows = [one_row(key, length, values) for key, length, values in zip(keys, lengths, scores, strict=True)]
    tags = [{"status": "success", "min_global_steps": 0, "max_global_steps": 0, "response_len": n} for n in lengths]
    return tq.kv_batch_put(keys=keys, partition_id=PARTITION, fields=list_of_dict_to_tensordict(rows), tags=tags)


def one_row(key: str, length: int, scores: Sequence[float]) -> dict[str, Any]:
    named = {f"reward_{k}": score for k, score in enumerate(scores)}
    rm_scores = torch.zeros(length)
    rm_scores[-1] = sum(scores)
    info = {"score": sum(scores), **named}
    return {
        "uid": key.split("_")[0],
        "prompts": torch.randint(3, 200, (PROMPT_TOKENS - length % 2,)),
        "responses": torch.randint(3, 200, (length,)),
        "response_mask": torch.ones(length, dtype=torch.int64),
        "rollout_log_probs": torch.zeros(length),
        "old_log_probs": torch.zeros(length),
        "rm_scores": rm_scores,
        "num_turns": 2,
        "reward_model": {"ground_truth": "gold"},
        "extra_fields": {"turn_scores": [], "tool_rewards": [], "global_steps": 0, "reward_extra_info": info},
    }


def in_turn(trainers: dict[str, Any], batch: Any, repeats: int) -> dict[str, Seconds]:
    """Seconds of each phase for each case, and what its total has beyond that of `FROZEN` in the same turn."""
    taken: dict[str, Seconds] = {case: defaultdict(list) for case in trainers}
    order = list(trainers)
    for turn in range(repeats + 1):
        found = {}
        for case in order:
            freeze(case != STOCK)
            found[case] = step(trainers[case], batch)
        order.append(order.pop(0))  # nobody is always first
        for case, seconds in found.items() if turn else ():
            beyond = {
                f"{name}beyond_stock": seconds[f"{name}total"] - found[FROZEN][f"{name}total"] for name in ("", "cpu_")
            }
            for phase, value in (seconds | beyond).items():
                taken[case][phase].append(value)
    return taken


def freeze(heap: bool) -> None:
    """As the first step of a run with the plug-in does, or back to what stock verl leaves to the collector."""
    gc.unfreeze()
    gc.collect()
    if heap:
        gc.freeze()
        gc.collect()  # the collector goes by how much the last one found


def step(trainer: Any, batch: Any) -> dict[str, float]:
    """Seconds of each phase; `estimate` is part of `advantage`."""
    batch.reorder(torch.randperm(len(batch)).tolist())  # as verl balances it; and no step finds what one before it kept
    metrics: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    plugin = PluginTime()
    buffer = holding(trainer.replay_buffer, batch)
    timed(seconds, "groups", lambda: buffer._dapo_filtered_keys(PARTITION))
    started = time.process_time()
    with plugin.running(WRAPPED):
        with timed_estimate(seconds):
            timed(seconds, "advantage", lambda: trainer._compute_advantage(batch, metrics))
        timed(seconds, "dump", lambda: dump(trainer, batch))
        timings = {"step": 60.0, "gen": 30.0, "update_actor": 20.0}
        with contextlib.redirect_stdout(io.StringIO()):
            timed(seconds, "metrics", lambda: trainer._compute_metrics(batch, metrics, timings, 1, 0))
    seconds["cpu_total"], seconds["plugin"] = time.process_time() - started, plugin.seconds
    return seconds | {"total": seconds["advantage"] + seconds["dump"] + seconds["metrics"]}


def holding(buffer: Any, batch: Any) -> Any:
    """A replay buffer that has just learned that all rollouts of the batch are whole."""
    from gd2po.hosts.verl.reading.run_state import has_state, state_of

    buffer.partitions = {PARTITION: dict(zip(batch.keys, batch.tags, strict=True))}
    buffer.finished_keys[PARTITION] = {key.partition("_")[0] for key in batch.keys}
    if has_state(buffer):
        state_of(buffer).group_filter.lives.clear()
    return buffer


def dump(trainer: Any, batch: Any) -> None:
    """verl writes in a thread beside the next phase; here that thread is waited for."""
    trainer._init_dump_executor()
    with contextlib.redirect_stdout(io.StringIO()):
        trainer._log_rollout_data(batch, {}, trainer.config.trainer.rollout_data_dir)
        trainer._shutdown_dump_executor()


def timed(seconds: dict[str, float], phase: str, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    seconds[phase] = time.perf_counter() - started


@contextlib.contextmanager
def timed_estimate(seconds: dict[str, float]) -> Iterator[None]:
    """Time the call of the estimator inside the advantage phase, wrapped or stock."""
    from verl.trainer.ppo.v1 import trainer_base

    inner = trainer_base.compute_advantage_for_multi_trajectories

    def estimate(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            seconds["estimate"] = time.perf_counter() - started

    trainer_base.compute_advantage_for_multi_trajectories = estimate
    try:
        yield
    finally:
        trainer_base.compute_advantage_for_multi_trajectories = inner


def row(case: str, seconds: Seconds) -> dict[str, Any]:
    return {"case": case, **{f"{phase}_ms": spread([1e3 * value for value in seconds[phase]]) for phase in COLUMNS}}


def profile(trainer: Any, batch: Any) -> None:
    """Functions of one step by the time spent in and below them, and torch operators that made large tensors."""
    step(trainer, batch)
    calls = cProfile.Profile()
    calls.runcall(step, trainer, batch)
    pstats.Stats(calls).sort_stats("cumulative").print_stats("gd2po|verl|transfer_queue", 45)
    with torch.profiler.profile(profile_memory=True) as operators:
        batch.reorder(list(reversed(range(len(batch)))))
        trainer._compute_advantage(batch, {})
    print(operators.key_averages().table(sort_by="self_cpu_memory_usage", row_limit=20))


if __name__ == "__main__":
    main()
