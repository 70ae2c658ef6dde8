"""docs/results.md is what the command makes of docs/results.json, and other documents do not contradict it."""

import re
from pathlib import Path

import pytest

from gd2po.lab.figures import Figures
from gd2po.lab.methods import METHODS
from gd2po.lab.page import read_summary, to_json, to_markdown
from gd2po.lab.parts import signed
from gd2po.lab.story import RECOMMENDED
from gd2po.lab.worlds import WORLDS

ROOT = Path(__file__).parents[2]
COMPARED = ("gdpo_shrunk", "gdpo_floored", "gdpo_pooled", "grpo", "gd2po_hard", "gd2po_snr0.2")
FILE = ROOT / "docs" / "results.json"
CLAIM = re.compile(
    r"`(\w[\w.]*)` is\s+clearly\s+better\s+than\s+GDPO\s+in\s+(\d+)\s+and\s+clearly\s+worse\s+in\s+(\d+)"
)


@pytest.fixture(scope="module")
def summary():
    return read_summary(FILE)


def test_the_document_is_made_of_the_summary(summary):
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == to_markdown(summary)
    assert FILE.read_text(encoding="utf-8") == to_json(summary) and FILE.stat().st_size <= 500_000


def test_all_worlds_are_in_it(summary):
    assert {task.name for task in summary.tasks} == set(WORLDS) and not summary.left_out
    assert {task.name for task in summary.tasks if task.held_out} == {
        name for name, world in WORLDS.items() if world.held_out
    }


def test_methods_are_still_what_they_were(summary):
    assert summary.methods == {name: dict(METHODS[name].settings) for name in summary.methods}


def test_what_is_recommended_is_better_than_gdpo_in_both_sets_and_loses_little(summary):
    figures = Figures(summary)
    assert figures.mean(RECOMMENDED, False)[1] > 0 and figures.mean(RECOMMENDED, True)[1] > 0
    losses = {name: min(cells[name].difference[0] for cells in summary.cells.values()) for name in COMPARED}
    assert losses[RECOMMENDED] == max(losses.values())


def test_masks_cost_more_than_they_give(summary):
    figures = Figures(summary)
    for method in ("gd2po_hard", "gd2po_snr0.8", "gd2po_snr0.5", "gd2po_snr0.2"):
        better, worse = figures.clear(method)
        assert better == 0 < worse and figures.mean(method, False)[2] < 0 and figures.mean(method, True)[2] < 0


def test_no_rule_that_looks_at_scores_is_better_held_out_than_what_is_recommended(summary):
    rules = summary.rules["held out"]
    least = rules["start"][f"always {RECOMMENDED}"].shortfall[0]
    assert all(
        outcome.shortfall[0] >= least - 0.001
        for stage in rules.values()
        for rule, outcome in stage.items()
        if not rule.startswith("always")
    )


@pytest.mark.parametrize("name", ["README.md", "docs/method.md"])
def test_counts_in_other_documents_are_those_of_the_summary(summary, name):
    claims = CLAIM.findall((ROOT / name).read_text(encoding="utf-8"))
    assert {method for method, _, _ in claims} <= set(summary.methods)
    figures = Figures(summary)
    assert claims
    assert [(method, (int(better), int(worse))) for method, better, worse in claims] == [
        (method, figures.clear(method)) for method, _, _ in claims
    ]


def test_the_gain_at_equal_time_in_the_readme_is_that_of_the_summary(summary):
    [trained] = summary.trained
    gain, low, _ = trained.overall_equal_time["gd2po_hard"]
    assert low > 0 and trained.overall["gd2po_hard"][1] < 0 < trained.overall["gd2po_hard"][2]
    assert f"(`gd2po_hard` by {signed(gain)} of" in (ROOT / "README.md").read_text(encoding="utf-8")
