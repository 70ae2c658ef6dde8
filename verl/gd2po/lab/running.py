"""All methods in all worlds: a file for each pair, several processes, and the same command goes on."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gd2po.lab.methods import METHODS, REFERENCE, ROUNDS, LabMethod
from gd2po.lab.probing import Probe, rounded
from gd2po.lab.results import Result, ResultFolder, Stage, Task, Verdicts
from gd2po.lab.training import EVALUATE_EVERY, SOON, PreparedWorld, prepare, train
from gd2po.lab.worlds import WORLDS
from gd2po.lab.worlds.world import World

VERDICT_SEEDS = 10
"""The number of seeds whose rollouts are checked: a check costs as much as a training here."""

Verdict = Callable[[World, Tensor, Tensor], str]
"""World, observed scores [K, N] and groups [N] → the name of the method that a check of these rollouts suggests."""

_SETTINGS = (
    *("group_size", "groups", "steps", "mini_batches", "epochs", "optimiser", "learning_rate", "gradient_norm"),
    *("warm", "noise", "tail"),
)


def task_of(world: World) -> Task:
    """The description of a world in results."""
    settings = {name: getattr(world, name) for name in _SETTINGS}
    return Task(
        name=world.name,
        summary=world.summary,
        categories=world.categories,
        held_out=world.held_out,
        rewards=world.rewards,
        weights=world.reward_weights,
        settings={name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
    )


@dataclass(frozen=True)
class Progress:
    """How far the worlds are.

    Attributes:
        done: The number of results that are there.
        total: The number of results that were asked for.
        latest: The world that was finished last.
        seconds: The seconds since the command was started.
        left: The seconds that the rest takes at the pace so far; None before anything is finished.
    """

    done: int
    total: int
    latest: str
    seconds: float
    left: float | None


def run_worlds(
    worlds: Sequence[World],
    methods: Sequence[LabMethod],
    seeds: tuple[int, ...],
    folder: Path,
    *,
    verdict: Verdict | None = None,
    processes: int | None = None,
) -> Iterator[Progress]:
    """Run whatever is not there yet, the methods of the papers first, and tell how far it is after each world.

    Args:
        worlds: The worlds.
        methods: The methods.
        seeds: The seeds, all at once in each training.
        folder: The folder of results.
        verdict: What asks a check; it is called in other processes, so it is a function of a module. None: no check.
        processes: The number of worlds at a time; one for each core if not given.
    """
    results = ResultFolder(folder)
    missing = {
        world.name: [
            method
            for method in methods
            if not results.holds(task_of(world), method.name, dict(method.settings), seeds[: method.most_seeds])
        ]
        for world in worlds
    }
    total = len(worlds) * len(methods)
    remaining = sum(map(len, missing.values()))
    started, done = time.monotonic(), total - remaining
    yield Progress(done, total, "", 0.0, None)
    rounds: list[list[tuple[Any, ...]]] = [
        [
            (_run, world.name, names, chosen_seeds, folder)
            for world in worlds
            if (names := [method.name for method in missing[world.name] if is_next(method)])
        ]
        for is_next, chosen_seeds in _rounds(seeds)
    ]
    checked = seeds[:VERDICT_SEEDS]
    unchecked = [world for world in worlds if verdict and not results.holds_verdicts(world.name, checked)]
    rounds.insert(1, [(_check, world.name, verdict, checked, folder) for world in unchecked])
    jobs = [job for jobs in rounds for job in jobs]
    context = multiprocessing.get_context("spawn")
    workers = processes or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_use_one_thread) as pool:
        pending = {pool.submit(*job): job for job in jobs}
        try:
            while pending:
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = pending.pop(future)
                    done += future.result()
                    seconds = time.monotonic() - started
                    made = done - total + remaining
                    yield Progress(done, total, job[1], seconds, seconds / made * (total - done) if made else None)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _rounds(seeds: tuple[int, ...]) -> Iterator[tuple[Callable[[LabMethod], bool], tuple[int, ...]]]:
    """Which methods are run together, and with which seeds: the most telling first, the slow ones last."""
    early = {name for names in ROUNDS for name in names}
    for names in ROUNDS:
        yield (lambda method, names=names: method.name in names), seeds  # type: ignore[misc]
    yield (lambda method: method.name not in early and method.most_seeds is None), seeds
    for most in sorted({method.most_seeds for method in METHODS.values() if method.most_seeds}):
        yield (lambda method, most=most: method.most_seeds == most), seeds[:most]  # type: ignore[misc]


def _use_one_thread() -> None:
    torch.set_num_threads(1)  # small tensors; each process has a core


def _run(world_name: str, method_names: Sequence[str], seeds: tuple[int, ...], folder: Path) -> int:
    """Run methods in a world, and return their number."""
    stages = _Stages(prepare(WORLDS[world_name], seeds))
    for name in method_names:
        ResultFolder(folder).write(stages.result(METHODS[name]))
    return len(method_names)


def _check(world_name: str, verdict: Verdict, seeds: tuple[int, ...], folder: Path) -> int:
    world = WORLDS[world_name]
    probes = _Stages(prepare(world, seeds)).probes
    chosen = {
        stage: [verdict(world, probe.scores[:, place], probe.groups) for place in range(len(seeds))]
        for stage, probe in probes.items()
    }
    ResultFolder(folder).write_verdicts(Verdicts(task=world_name, seeds=seeds, chosen=chosen))
    return 0


class _Stages:
    """The policies of a world at the start, and those that the reference method has halfway.

    Attributes:
        probes: Stage → the rollouts on which updates are measured.
    """

    def __init__(self, prepared: PreparedWorld) -> None:
        world = prepared.world
        self._prepared = prepared
        self._half = world.steps // (2 * EVALUATE_EVERY) * EVALUATE_EVERY
        _, passed = train(prepared, METHODS[REFERENCE], range(self._half))
        self._halfway = passed[self._half]
        self.probes: dict[Stage, Probe] = {
            "start": Probe(prepared, prepared.weights, "start"),
            "halfway": Probe(prepared, self._halfway, "halfway"),
        }

    def result(self, method: LabMethod) -> Result:
        """Train with a method, and measure its update at both stages."""
        started = time.monotonic()
        prepared, rewards = self._prepared, self._prepared.world.rewards
        gold, passed = train(prepared, method)
        branch, _ = train(prepared, method, range(self._half, self._half + SOON), self._halfway)
        changes: dict[Stage, Tensor] = {"start": gold[1] - gold[0], "halfway": branch[-1] - branch[0]}
        updates = {
            stage: probe.measure(method).model_copy(
                update={"change": dict(zip(rewards, map(rounded, changes[stage]), strict=True))}
            )
            for stage, probe in self.probes.items()
        }
        return Result(
            kind="worlds",
            task=task_of(prepared.world),
            method=method.name,
            settings=dict(method.settings),
            seeds=prepared.seeds,
            steps=tuple(passed),
            gold={reward: [rounded(values) for values in gold[:, place]] for place, reward in enumerate(rewards)},
            updates=updates,
            seconds=round(time.monotonic() - started, 3),
        )
