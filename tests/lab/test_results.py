"""Results on disk: written whole, found again, refused where they are none."""

import pytest

from gd2po.lab.methods import METHODS
from gd2po.lab.results import LabError, Result, ResultFolder, Setup, Task, Verdicts


def result(method="gdpo", seeds=(0, 1), kind="worlds", **changes):
    task = Task(
        name="a", summary="s", categories=("c",), held_out=False, rewards=("x", "y"), weights=(1.0, 0.5), settings={}
    )
    values = {
        "task": task,
        "method": method,
        "settings": METHODS[method].settings,
        "seeds": seeds,
        "steps": (0, 10),
        "gold": {name: [[0.1] * len(seeds), [0.5] * len(seeds)] for name in task.rewards},
        "seconds": 1.0,
    }
    return Result(kind=kind, **(values | changes))


def test_a_result_is_read_as_it_was_written(tmp_path):
    folder = ResultFolder(tmp_path)
    folder.write(result())
    assert folder.read("a", "gdpo") == result() and list(folder.results()) == [result()]


def test_a_result_is_there_for_its_settings_and_seeds_only(tmp_path):
    folder, settings = ResultFolder(tmp_path), dict(METHODS["gdpo"].settings)
    task = result().task
    assert not folder.holds(task, "gdpo", settings, (0, 1))
    folder.write(result())
    assert folder.holds(task, "gdpo", settings, (0, 1))
    assert not folder.holds(task, "gdpo", settings, (0, 1, 2))
    assert not folder.holds(task.model_copy(update={"weights": (1.0, 1.0)}), "gdpo", settings, (0, 1))
    assert not folder.holds(task, "gdpo", {"estimator": "grpo"}, (0, 1))


def test_trainings_have_a_file_for_each_seed(tmp_path):
    folder = ResultFolder(tmp_path)
    for seed in (1, 2):
        folder.write(result(seeds=(seed,), kind="runs"))
    task, setup = result().task, Setup(host="verl", model="tiny", device="CPU")  # of results that do not say it
    assert folder.has_training(task, "gdpo", 2, setup) and not folder.has_training(task, "gdpo", 3, setup)
    assert not folder.has_training(task.model_copy(update={"settings": {"steps": 20}}), "gdpo", 2, setup)
    assert not folder.has_training(task, "gdpo", 2, setup.model_copy(update={"device": "a card"}))
    assert [read.seeds for read in folder.results()] == [(1,), (2,)]


def test_verdicts_are_no_results(tmp_path):
    folder = ResultFolder(tmp_path)
    folder.write_verdicts(Verdicts(task="a", seeds=(0,), chosen={"start": ["gdpo"]}))
    assert list(folder.results()) == [] and folder.holds_verdicts("a", (0,)) and not folder.holds_verdicts("b", (0,))


def test_a_file_that_is_no_result_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gdpo.json").write_text('{"kind": "worlds"}')
    with pytest.raises(LabError, match=r"gdpo\.json is no result of the lab \(task: .*remove the file"):
        list(ResultFolder(tmp_path).results())
    assert not ResultFolder(tmp_path).holds(result().task, "gdpo", {}, (0,))
