"""docs/results.md is what the command makes of docs/results.json, and other documents do not contradict it."""

import re
from pathlib import Path

import pytest

from gd2po.lab.methods import METHODS
from gd2po.lab.page import read_summary, to_json, to_markdown
from gd2po.lab.story import Figures
from gd2po.lab.worlds import WORLDS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "results.json"
CLAIM = re.compile(r"`?(\w[\w.]*)`? (?:was|is) clearly better\s+than\s+GDPO\s+in\s+(\d+)\s+and\s+clearly\s+worse\s+in\s+(\d+)")


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


@pytest.mark.parametrize("name", ["README.md", "docs/method.md"])
def test_counts_in_other_documents_are_those_of_the_summary(summary, name):
    claims = CLAIM.findall((ROOT / name).read_text(encoding="utf-8"))
    figures = Figures(summary)
    assert claims
    assert [(method, (int(better), int(worse))) for method, better, worse in claims] == [
        (method, figures.clear(method)) for method, _, _ in claims
    ]
