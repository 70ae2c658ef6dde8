"""What a run is, and which runs belong together."""

import json

import pytest

from gd2po.insight.report.description import read_description
from gd2po.insight.report.run import RunFolder
from gd2po.insight.report.series import differences, group
from gd2po.insight.report.trackers import ReportError


def runs(*writers):
    return [RunFolder(writer.folder).read_on() for writer in writers]


def test_a_run_says_its_method_seed_and_steps(new_run):
    description = read_description(new_run("a").begin("gd2po", seed=3, steps=7).folder)
    assert (description.method, description.seed, description.total_steps) == ("GD²PO-Hard", 3, 7)
    assert description.weights == {"useful": 1.0, "harmless": 1.0}
    assert description.config["data.seed"] == 3


def test_secrets_are_hidden(new_run):
    description = read_description(new_run("a").begin().folder)
    assert description.config["reward.custom_reward_function.reward_kwargs.api_key"] == "(hidden)"
    assert "tell-nobody" not in str(description.config)


def test_the_last_start_says_how_many_steps_there_are_to_be(new_run):
    run = new_run("a").begin(steps=None)
    assert read_description(run.folder).total_steps is None
    run.started("2026-01-01T00:00:00+00:00", 10, verl="0.9.1")
    run.started("2026-01-02T00:00:00+00:00", 20, verl="0.9.1")
    with (run.folder / "gd2po_starts.jsonl").open("a") as file:
        file.write('{"time": "2026-01')
    description = read_description(run.folder)
    assert description.total_steps == 20 and len(description.starts) == 2


def test_a_folder_without_settings_is_a_run_of_its_own(new_run):
    first, second = new_run("a").log(1), new_run("b").log(1)
    assert [member.label for member in group(runs(first, second))] == ["a", "b"]


def test_seeds_are_one_series_though_paths_name_them(new_run):
    writers = [new_run(f"run{seed}").begin(seed=seed) for seed in (1, 2, 12)]
    (series,) = group(runs(*writers))
    assert [run.description.seed for run in series.runs] == [1, 2, 12]


def test_methods_are_series_and_what_differs_is_told(new_run):
    series = group(runs(new_run("a").begin("gd2po"), new_run("b").begin("gdpo"), new_run("c").begin("gd2po", seed=2)))
    assert [(member.label, len(member.runs)) for member in series] == [("GD²PO-Hard", 2), ("GDPO", 1)]
    differing = differences(series)
    assert differing["algorithm.adv_estimator"] == ["gd2po", "gdpo"]
    assert not any("seed" in key for key in differing)


def test_equal_methods_are_told_apart_by_their_settings(new_run):
    slow, fast = new_run("a").begin(), new_run("b").begin(actor_rollout_ref__actor__optim__lr=1e-3)
    assert [member.label for member in group(runs(slow, fast))] == ["GD²PO-Hard, lr 1e-06", "GD²PO-Hard, lr 0.001"]


def test_another_threshold_is_another_method(new_run):
    run = new_run("a").begin()
    path = run.folder / "gd2po_settings.json"
    settings = json.loads(path.read_text())
    settings["filter"] = {"kind": "snr", "threshold": 0.5}
    path.write_text(json.dumps(settings))
    assert read_description(run.folder).method == "GD²PO-SNR τ=0.5"
    settings["filter"] = {"kind": "hard", "threshold": 0.8}  # as earlier releases saved it
    path.write_text(json.dumps(settings))
    assert read_description(run.folder).method == "GD²PO-Hard"
    settings["filter"] = {"kind": "margin", "least": 0.25}  # of a plug-in that is not here
    path.write_text(json.dumps(settings))
    assert read_description(run.folder).method == "GD²PO-margin least=0.25"
    assert read_description(run.folder).identity["algorithm.gd2po.filter.kind"] == "margin"


def test_a_configuration_that_cannot_be_resolved_is_told(new_run):
    first, second = (new_run(name).begin(trainer__x="${from_nowhere:1}") for name in ("a", "b"))
    description = read_description(first.folder)
    assert description.seed == 1 and description.identity == {}
    assert "cannot be resolved" in description.notes[0] and "from_nowhere" in description.notes[0]
    assert len(group(runs(first, second))) == 2


def test_a_broken_file_is_named(new_run):
    run = new_run("a").begin()
    (run.folder / "gd2po_settings.json").write_text('{"estimator": ')
    with pytest.raises(ReportError, match=r"gd2po_settings\.json is not JSON"):
        read_description(run.folder)


def test_labels_are_never_the_same(new_run, tmp_path):
    folders = [tmp_path / place / "same" for place in ("x", "y")]
    for folder in folders:
        folder.mkdir(parents=True)
    labels = [member.label for member in group([RunFolder(folder).read_on() for folder in folders])]
    assert len(set(labels)) == 2 and str(folders[0]) in labels[0]
