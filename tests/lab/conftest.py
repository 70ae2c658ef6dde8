"""Made-up results of the lab: four worlds, two of them held out, and trainings of two methods with two seeds."""

import numpy as np
import pytest

from gd2po.lab.methods import METHODS
from gd2po.lab.page import read_summary
from gd2po.lab.results import Result, ResultFolder, Task, Update, Verdicts
from gd2po.lab.rules import CANDIDATES

SEEDS = tuple(range(12))
ABOVE = {"gdpo_floored": 0.05, "gd2po_hard": -0.1}
"""Method → how much better it is than the others."""


def make_result(method, world="a", held_out=False, kind="worlds", seeds=SEEDS, steps=(0, 25, 50)):
    generator = np.random.default_rng(len(world))
    noise = generator.normal(0, 0.05, (2, len(SEEDS)))[:, list(seeds) if kind == "worlds" else [0] * len(seeds)]
    own = np.random.default_rng(sorted(METHODS).index(method)).normal(0, 0.01, (2, len(seeds)))
    end = 0.5 + noise + own + ABOVE.get(method, 0.0)
    gold = {name: [[0.2] * len(seeds), [0.3] * len(seeds), end[place].tolist()] for place, name in enumerate("xy")}

    def update(stage):
        gain = {name: [0.1 + ABOVE.get(method, 0.0)] * len(seeds) for name in "xy"}
        change = {name: [0.1] * len(seeds) for name in "xy"}
        flat = [0.5] * len(seeds)
        return Update(
            cosine=flat,
            cosine_of_mean=flat,
            signal_to_noise=flat,
            masked=flat,
            gain=gain,
            certainty=gain,
            pooled_gain=gain,
            change=change,
        )

    return Result(
        kind=kind,
        task=Task(
            name=world,
            summary="a world",
            categories=("c",),
            held_out=held_out,
            rewards=("x", "y"),
            weights=(1.0, 1.0),
            settings={},
        ),
        method=method,
        settings=dict(METHODS[method].settings),
        seeds=seeds,
        steps=steps,
        gold=gold,
        updates={stage: update(stage) for stage in ("start", "halfway")} if kind == "worlds" else {},
        rollouts=None if kind == "worlds" else [[0.0] * len(seeds), [64.0] * len(seeds), [128.0] * len(seeds)],
        elapsed=None if kind == "worlds" else [[0.0] * len(seeds), [1.0] * len(seeds), [2.0] * len(seeds)],
        seconds=1.0,
    )


@pytest.fixture(scope="session")
def make():
    """Makes a result of a method."""
    return make_result


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("lab")
    results = ResultFolder(path)
    for world, held_out in (("a", False), ("bb", False), ("ccc", True), ("dddd", True)):
        for method in CANDIDATES:
            results.write(make_result(method, world, held_out))
        chosen = ["gdpo_shrunk", "gd2po_hard"]
        results.write_verdicts(Verdicts(task=world, seeds=(0, 1), chosen={"start": chosen, "halfway": chosen}))
    for method in ("gdpo", "gdpo_floored"):
        for seed in (1, 2):
            results.write(make_result(method, "tool", kind="runs", seeds=(seed,)))
    return path


@pytest.fixture(scope="session")
def summary(folder):
    return read_summary(folder)
