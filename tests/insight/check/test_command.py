"""`gd2po check`, as it is typed."""

import json
import re

import pytest
from typer.testing import CliRunner

from gd2po.cli import app


@pytest.fixture
def invoke(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments, **options):
        return CliRunner().invoke(app, ["check", *map(str, arguments)], **options)

    return call


@pytest.fixture
def lines(mixed):
    rows = zip(mixed["group"], mixed["a"], mixed["b"], strict=True)
    return "".join(json.dumps({"uid": group, "good": a, "harm": -b}) + "\n" for group, a, b in rows)


def test_tables_verdict_and_block(invoke, lines):
    result = invoke("-", "--direction", "harm=minimize", "--weights", "harm=.5", "--tau", ".2,.8", input=lines)
    assert result.exit_code == 0, result.output
    for text in (
        "standard input: 800 rollouts in 100 groups (8 each), by uid",
        "rewards: good, harm; response lengths: not told",
        "good | harm",
        "SNR 0.8",
        "Verdict: filtering is not justified",
        "harm: {weight: 0.5, direction: minimize}",
        "adv_estimator: gdpo",
    ):
        assert text in result.output
    assert max(map(len, result.output.splitlines())) <= 100


def test_json_alone_on_the_output(invoke, lines):
    result = invoke("-", "--json", "-", input=lines)
    content = json.loads(result.stdout)
    assert content["format"] == "gd2po check 2"
    assert content["verdict"]["outcome"] == "filtering is not justified"
    gains = content["evidence"]["methods"][1]["gain"]
    assert set(gains) == {"good", "harm"} and set(gains["good"]) == {"value", "low", "high"}
    assert content["evidence"]["methods"][0]["kept"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_page_that_needs_nothing_and_runs_nothing(invoke, tmp_path):
    hostile = "<script>alert(1)</script>"
    rows = [{"uid": i // 4, "a": i % 3, hostile: i % 2, "data_source": hostile} for i in range(40)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = invoke(tmp_path / "x.jsonl", "--html", tmp_path / "deep" / "x.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "deep" / "x.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 3
    assert not re.search(r'(src|href)="(?!#)', page)


def test_bad_rows_are_shown(invoke, tmp_path, lines):
    (tmp_path / "x.jsonl").write_text(lines + "broken\n")
    output = invoke(tmp_path / "x.jsonl").output
    assert "left out, rows that could not be read: 1" in output
    assert "line 801: not a JSON object" in output.replace("\n", "")
    assert "1 of 801 rows could not be read." in output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("absent.jsonl",), "absent.jsonl is not there"),
        (("-", "--weights", "good"), "--weights: found 'good'; expected name=value"),
        (("-", "--weights", "good=much"), "--weights: 'much' is no number"),
        (("-", "--scores", "good"), "1 of the columns is a reward (good); expected two or more"),
        (("-", "--tau", "2"), "threshold: found 2.0"),
    ],
)
def test_refusals(invoke, lines, arguments, text):
    result = invoke(*arguments, input=lines)
    assert result.exit_code == 2
    assert text in result.output.replace("\n", " ")
