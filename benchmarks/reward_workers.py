"""Programs scored by verl's reward workers while their event loops go on: tests per second, and the longest delay.

    python benchmarks/reward_workers.py                    # 8 workers with 1,024 programs of ten tests each
    python benchmarks/reward_workers.py --rollouts 1024

Each worker is verl's `RewardLoopWorker` with the plug-in and the coding rewards, in a process and an event loop of its
own, without Ray. All calls of a worker come at one moment; as many run at a time as in an asynchronous actor of Ray.
A heartbeat in each loop wakes every 10 ms; its delay is how much later it woke. `arrival` is the time until each
worker has begun its calls, when the loop takes over a whole batch at once, which Ray spreads over the rollouts.
The programs are the small ones of `sandbox.py` but the endless one, in turn.
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from results import save, show
from sandbox import PROGRAMS, TESTS

HEARTBEAT_S = 0.01
CALLS_AT_A_TIME = 1000
"""Ray's own limit for an asynchronous actor."""
EXPECTED = {"all pass": 1.0, "half fail": 0.5, "errors": 0.0}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=8192, help="of all workers together")
    parser.add_argument("--workers", type=int, default=8, help="verl's own number (reward.num_workers)")
    parser.add_argument("--seconds", type=float, help="leave the programs that are not scored by then")
    parser.add_argument("--json", type=Path, help="add the rows to this file")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    import verl.experimental.reward_loop.reward_loop  # noqa: F401  once, before the workers are forked

    share = chosen.rollouts // chosen.workers
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(chosen.workers), context.SimpleQueue()
    with TemporaryDirectory() as folder:
        config = configuration(folder)
        workers = [
            context.Process(target=work, args=(config, number, share, chosen.seconds, start, results))
            for number in range(chosen.workers)
        ]
        for worker in workers:
            worker.start()
        measured = [results.get() for _ in workers]
        for worker in workers:
            worker.join()
    rows = [row(f"{chosen.workers} workers × {share} programs", measured)]
    show("reward_workers", rows)
    save("reward_workers", rows, chosen.json)


def configuration(folder: str) -> Any:
    """verl's configuration with the coding rewards, and a small tokenizer in the folder."""
    from hydra import compose, initialize_config_module

    from gd2po.quickstart.tokenizer import train_tokenizer

    train_tokenizer(map(response, PROGRAMS), 400).save_pretrained(folder)
    names = ("pass_rate", "length", "bug_free")
    overrides = [f"+algorithm.gd2po.rewards.{name}.weight=1.0" for name in names]
    overrides += ["algorithm.adv_estimator=gd2po", "+algorithm.gd2po.reward_timeout=1200"]
    overrides += ["reward.custom_reward_function.path=pkg://gd2po.rewards.coding"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=[*overrides, f"actor_rollout_ref.model.path={folder}"])


def response(case: str) -> str:
    return f"```python\n{PROGRAMS[case]}\n```"


def work(config: Any, number: int, share: int, seconds: float | None, start: Any, results: Any) -> None:
    """A worker's process."""
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    async def score_all() -> dict[str, Any]:
        worker = RewardLoopWorker(config)
        rows = [(case, rollout(worker.input_tokenizer, case, index)) for index, case in cases(number, share)]
        start.wait()
        return await measure(worker, rows, seconds)

    results.put(asyncio.run(score_all()))


def cases(number: int, share: int) -> list[tuple[int, str]]:
    """Index and case of each rollout of a worker."""
    return [(index, list(EXPECTED)[index % len(EXPECTED)]) for index in range(number * share, (number + 1) * share)]


def rollout(tokenizer: Any, case: str, index: int) -> Any:
    import numpy as np
    import torch
    from tensordict import TensorDict
    from verl import DataProto

    ids = torch.tensor([tokenizer(response(case))["input_ids"]])
    fields = {
        "data_source": "code",
        "reward_model": {"ground_truth": TESTS},
        "extra_info": {"split": "train", "index": index},
        "response_len": ids.shape[1],
    }
    batch = TensorDict({"responses": ids, "attention_mask": torch.ones_like(ids)}, batch_size=1)
    return DataProto(batch, non_tensor_batch={name: np.array([value]) for name, value in fields.items()})


async def measure(worker: Any, rows: list[tuple[str, Any]], seconds: float | None) -> dict[str, Any]:
    """The number of rows that are scored, the seconds that took, and the delays of a heartbeat meanwhile."""
    room, delays, begun = asyncio.Semaphore(CALLS_AT_A_TIME), [], []

    async def beat() -> None:
        while True:
            expected = time.monotonic() + HEARTBEAT_S
            await asyncio.sleep(HEARTBEAT_S)
            delays.append((expected, time.monotonic() - expected))

    async def call(case: str, data: Any) -> None:
        async with room:
            begun.append(time.monotonic())
            scores = (await worker.compute_score(data))["reward_extra_info"]
        if scores.get("pass_rate") != EXPECTED[case]:
            raise SystemExit(f"{case}: the scores are {scores}, expected a pass rate of {EXPECTED[case]}")

    heart = asyncio.create_task(beat())
    await asyncio.sleep(10 * HEARTBEAT_S)
    delays.clear()
    started = time.monotonic()
    scored, left = await asyncio.wait([asyncio.create_task(call(*row)) for row in rows], timeout=seconds)
    ended = time.monotonic()
    for task in (heart, *left):
        task.cancel()
    for task in scored:
        task.result()
    arrived = sorted(begun)[min(len(rows), CALLS_AT_A_TIME) - 1]
    return {
        "scored": len(scored),
        "seconds": ended - started,
        "arrival": [delay for expected, delay in delays if expected <= arrived],
        "later": [delay for expected, delay in delays if expected > arrived],
    }


def row(case: str, measured: list[dict[str, Any]]) -> dict[str, Any]:
    later = sorted(delay for worker in measured for delay in worker["later"])
    seconds, scored = max(worker["seconds"] for worker in measured), sum(worker["scored"] for worker in measured)
    return {
        "case": case,
        "processors": len(os.sched_getaffinity(0)),
        "scored": scored,
        "s": seconds,
        "tests_per_s": scored * len(TESTS["inputs"]) / seconds,
        "longest_delay_at_arrival_ms": 1000 * max(delay for worker in measured for delay in worker["arrival"]),
        "median_delay_ms": 1000 * later[len(later) // 2],
        "delay_99th_of_100_ms": 1000 * later[int(0.99 * len(later))],
        "longest_delay_ms": 1000 * later[-1],
    }


if __name__ == "__main__":
    main()
