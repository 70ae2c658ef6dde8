"""The summary of results, and what is written from it."""

import json
import re

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.lab.page import read_summary, to_html, to_json, to_markdown
from gd2po.lab.results import LabError, ResultFolder, Setup
from gd2po.lab.rules import CANDIDATES
from gd2po.lab.summary import Summary, summarise
from gd2po.lab.terminal import show


def test_a_task_without_the_reference_is_named(make):
    results = [make("grpo", "a"), make("gdpo", "bb")]
    assert summarise(results, ()).left_out == ["a"]
    with pytest.raises(LabError, match="no results of gdpo"):
        summarise(results[:1], ())


def test_summaries_and_folders_are_put_together(make, summary, tmp_path):
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
