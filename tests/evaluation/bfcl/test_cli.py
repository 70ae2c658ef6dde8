"""The commands, as far as they go without BFCL's environment."""

import pytest
from typer.testing import CliRunner

from gd2po.cli import app


@pytest.mark.parametrize(
    "categories, said",
    [("simple_pyton", "Did you mean 'simple_python'?"), ("web_search_base", "SerpAPI key and network")],
)
def test_categories_that_cannot_be_asked_for_end_it(categories, said):
    result = CliRunner().invoke(app, ["eval", "bfcl", "--model", "m", "--categories", categories])
    assert result.exit_code == 2 and said in " ".join(result.output.split())


def test_a_system_prompt_without_a_place_for_the_tools_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr("gd2po.evaluation.bfcl.environment.ensure_environment", lambda on_step: None)
    (tmp_path / "prompt.txt").write_text("no place")
    asked = ["--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--categories", "multiple"]
    prompt = ["--system-prompt", str(tmp_path / "prompt.txt"), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["eval", "bfcl", *asked, *prompt])
    assert result.exit_code == 2 and "lacks {tools}" in " ".join(result.output.split())
