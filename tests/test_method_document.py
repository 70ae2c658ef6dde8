"""docs/method.md has the formula, the source, the degenerate cases and the losses of every registered method."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gd2po.advantages import combination_names, estimator_names, filter_names, normaliser_names

TEXT = (Path(__file__).parents[1] / "docs" / "method.md").read_text()
PARTS = {
    "formula": r"^    \S.*$|^\| `\w+` \|",
    "source": r"\*Source\*|\| source \|",
    "degenerate cases": r"\*Degenerate cases",
    "losses": r"\*When (it|they) loses?",
}
SECTIONS = {
    "The estimators": estimator_names(),
    "Normalisers": normaliser_names(),
    "Filters": filter_names(),
    "Combinations": combination_names(),
}


def section(title: str) -> str:
    """The text under a heading, to the next heading of any level."""
    return re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


def paragraphs(title: str) -> Iterator[tuple[set[str], str]]:
    """The methods of a section with what is said of them: those named in bold at the beginning, or in a table."""
    for text in re.split(r"^(?=\*\*`)", section(title), flags=re.MULTILINE):
        bold = re.match(r"\*\*`.*", text)
        names = re.findall(r"\*\*`(\w+)", bold[0]) if bold else re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        yield set(names), text


def missing(text: str) -> list[str]:
    return [part for part, pattern in PARTS.items() if not re.search(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize(("title", "name"), [(title, name) for title, names in SECTIONS.items() for name in names])
def test_a_method_is_documented_whole(title, name):
    texts = [text for names, text in paragraphs(title) if name in names]
    assert len(texts) == 1, f"{name} has {len(texts)} paragraphs under {title!r}"
    formula = "formula [above](#the-estimators)"  # of the filters of the paper
    assert missing(texts[0].replace(formula, "\n    formula")) == []


@pytest.mark.parametrize("title", ["Weights that move", "Groups without a vote"])
def test_an_option_that_is_no_method_is_documented_whole(title):
    assert missing(section(title)) == []


def test_what_is_missing_is_noticed():
    assert missing("*Source*: own.") == ["formula", "degenerate cases", "losses"]
