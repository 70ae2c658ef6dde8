"""The summary of results: paired differences, rules and predictions; and what is written from it."""

import json
import re

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.lab.methods import METHODS
from gd2po.lab.page import read_summary, to_html, to_json, to_markdown
from gd2po.lab.results import LabError, Result, ResultFolder, Setup, Task, Update, Verdicts
from gd2po.lab.rules import CANDIDATES, CHECK, shortfalls, within_noise
from gd2po.lab.summary import Summary, merged, published_shortfall, summarise
from gd2po.lab.terminal import show

SEEDS = tuple(range(12))
ABOVE = {"gdpo_floored": 0.05, "gd2po_hard": -0.1}
"""Method → how much better it is than the others."""


def make(method, world="a", held_out=False, kind="worlds", seeds=SEEDS, steps=(0, 25, 50)):
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("lab")
    results = ResultFolder(path)
    for world, held_out in (("a", False), ("bb", False), ("ccc", True), ("dddd", True)):
        for method in CANDIDATES:
            results.write(make(method, world, held_out))
        chosen = ["gdpo_shrunk", "gd2po_hard"]
        results.write_verdicts(Verdicts(task=world, seeds=(0, 1), chosen={"start": chosen, "halfway": chosen}))
    for method in ("gdpo", "gdpo_floored"):
        for seed in (1, 2):
            results.write(make(method, "tool", kind="runs", seeds=(seed,)))
    return path


@pytest.fixture(scope="module")
def summary(folder):
    return read_summary(folder)


def test_a_clear_difference_is_found_and_noise_is_not(summary):
    cells = summary.cells["a"]
    assert (cells["gdpo_floored"].clear, cells["gd2po_hard"].clear) == ("better", "worse")
    assert cells["grpo"].clear == cells["gdpo"].clear == "level"
    assert cells["gdpo_floored"].difference[0] == pytest.approx(0.05, abs=0.02)
    assert cells["gdpo"].difference == (0, 0, 0) and cells["gdpo"].seeds == len(SEEDS)


def test_the_best_published_method_is_chosen_on_other_seeds(summary):
    shortfall = published_shortfall(summary.cells["a"])
    assert shortfall["gd2po_hard"] < -0.07 and shortfall["gdpo_floored"] > 0.02


def test_rules_are_judged_in_both_sets(summary):
    for name in ("first", "held out"):
        rules = summary.rules[name]["start"]
        assert rules["always gdpo"].against == (0, 0, 0)
        assert rules["largest summed gain"].shortfall == (0, 0, 0) and rules["largest summed gain"].within == 1
        # Half of the choices of check lose 0.15 against the best, the other half 0.05.
        assert rules[CHECK].shortfall[0] == pytest.approx(0.1, abs=0.02)
        assert rules[f"{CHECK}, gdpo_floored for gdpo_shrunk"].shortfall[0] < rules[CHECK].shortfall[0]


def test_trainings_are_compared_where_two_seeds_are_shared(summary):
    [trained] = summary.trained
    assert trained.cells["tool"]["gdpo_floored"].seeds == 2
    assert trained.cells["tool"]["gdpo_floored"].equal_time is not None
    assert [task.name for task in trained.tasks] == ["tool"] and trained.courses["tool"].rollouts == 128
    assert trained.overall["gdpo_floored"][0] == trained.cells["tool"]["gdpo_floored"].difference[0]


def test_a_task_without_the_reference_is_named(tmp_path):
    results = [make("grpo", "a"), make("gdpo", "bb")]
    assert summarise(results, ()).left_out == ["a"]
    with pytest.raises(LabError, match="no results of gdpo"):
        summarise(results[:1], ())


def test_seeds_of_trainings_are_put_together_once():
    first, second = (make("gdpo", kind="runs", seeds=(seed,)) for seed in (1, 2))
    assert merged(first, second).seeds == (1, 2) and merged(first, second).elapsed == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(LabError, match=r"two results have the seeds \[1\]"):
        merged(first, first)


def test_within_noise_of_the_best():
    best = np.array([0.5, 0.6, 0.7, 0.6])
    assert within_noise(best, best) and within_noise(best + np.array([0.02, -0.02, 0.01, -0.02]), best)
    assert not within_noise(best - 0.1, best)
    assert shortfalls(["a", "b"], {"a": best, "b": best - 0.1}) == pytest.approx((0.05, 0.5))


def test_summaries_and_folders_are_put_together(folder, summary, tmp_path):
    gpu = Setup(host="trl", model="some", device="a card")
    results = ResultFolder(tmp_path / "gpu")
    for method in ("gdpo", "gdpo_floored"):
        for seed in (1, 2):
            results.write(make(method, "tool", kind="runs", seeds=(seed,)).model_copy(update={"setup": gpu}))
    alone = read_summary(tmp_path / "gpu")
    assert alone.tasks == [] and [trained.setup for trained in alone.trained] == [gpu]
    assert "a card" in to_markdown(alone) and "In short" not in to_markdown(alone)
    (tmp_path / "worlds.json").write_text(to_json(summary))
    both = read_summary(tmp_path / "gpu", tmp_path / "worlds.json")
    assert both.cells == summary.cells and both.trained == [*alone.trained, *summary.trained]


def test_the_summary_is_read_as_it_was_written(summary, tmp_path):
    (tmp_path / "results.json").write_text(to_json(summary))
    assert read_summary(tmp_path / "results.json") == summary
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(LabError, match="no summary of the lab"):
        read_summary(tmp_path / "other.json")


def test_the_page_holds_what_the_document_holds(summary):
    document, page = to_markdown(summary), to_html(summary)
    headings = re.findall(r"^## (.*)$", document, re.MULTILINE)
    assert len(headings) > 5 and all(f"<h2>{heading}</h2>" in page.replace("&#39;", "'") for heading in headings)
    assert "<script" not in page and "`" not in re.sub(r"<[^>]+>", "", page) and "**" not in page
    assert all(len(line) <= 120 or line.startswith("|") for line in document.splitlines())


def test_the_terminal_shows_every_method(summary):
    console = Console(width=100, record=True)
    show(summary, console)
    text = console.export_text()
    assert all(method in text for method in CANDIDATES)


def test_the_command_writes_all_three(folder, tmp_path):
    targets = {option: tmp_path / option for option in ("summary", "document", "html")}
    options = [word for option, path in targets.items() for word in (f"--{option}", str(path))]
    done = CliRunner().invoke(app, ["lab", "page", str(folder), *options])
    assert done.exit_code == 0, done.output
    assert Summary.model_validate(json.loads(targets["summary"].read_text()))
    again = CliRunner().invoke(app, ["lab", "page", str(targets["summary"]), "--document", str(tmp_path / "again")])
    assert again.exit_code == 0 and (tmp_path / "again").read_text() == targets["document"].read_text()


def test_the_command_refuses_an_empty_folder(tmp_path):
    done = CliRunner().invoke(app, ["lab", "page", str(tmp_path)])
    assert done.exit_code == 2 and "run gd2po lab worlds first" in done.output
