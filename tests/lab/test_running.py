"""All methods in all worlds: what is there is not run again."""

import torch

from gd2po.cli.lab import checked_method
from gd2po.lab import running
from gd2po.lab.methods import METHODS
from gd2po.lab.results import ResultFolder
from gd2po.lab.worlds import WORLDS


def test_a_result_tells_what_the_method_did(tmp_path):
    seeds = (0, 1)
    assert running._run("pairs", ["gdpo"], seeds, tmp_path) == 1
    result = ResultFolder(tmp_path).read("pairs", "gdpo")
    world = WORLDS["pairs"]
    assert result.steps == (0, 25, 50, 100, 150, 200) and result.seeds == seeds
    assert {name: (len(values), len(values[0])) for name, values in result.gold.items()} == {
        "correct": (6, 2),
        "brevity": (6, 2),
    }
    for stage in ("start", "halfway"):
        update = result.updates[stage]
        assert len(update.cosine) == 2 and set(update.change) == set(world.rewards)
    first = result.gold["brevity"]
    assert result.updates["start"].change["brevity"] == [
        round(later - start, 5) for start, later in zip(first[0], first[1], strict=True)
    ]


def test_only_what_is_missing_is_run(tmp_path, monkeypatch):
    world, seeds = WORLDS["pairs"], (0, 1)
    (progress,) = list(running.run_worlds([world], [], seeds, tmp_path))
    assert (progress.done, progress.total) == (0, 0)
    running._run("pairs", ["gdpo"], seeds, tmp_path)
    (progress,) = list(running.run_worlds([world], [METHODS["gdpo"]], seeds, tmp_path, processes=1))
    assert (progress.done, progress.total, progress.left) == (1, 1, None)


def test_slow_methods_have_fewer_seeds_and_every_method_is_in_one_round():
    rounds = list(running._rounds(tuple(range(20))))
    for method in METHODS.values():
        (seeds,) = [seeds for is_next, seeds in rounds if is_next(method)]
        assert len(seeds) == (method.most_seeds or 20)


def test_what_check_suggests_is_a_method_of_the_lab():
    world, generator = WORLDS["tool3"], torch.Generator().manual_seed(1)
    groups = torch.arange(40).repeat_interleave(4)
    noise = torch.randn(3, 160, generator=generator)
    assert checked_method(world, noise, groups) in METHODS
