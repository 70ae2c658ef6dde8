"""The commands as a user types them."""

import json

import pytest
from typer.testing import CliRunner

from gd2po.cli import app

GOLD = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
DIALOGUE = {"instruction": "You have f.", "input": "call f", "output": GOLD}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "raw.jsonl"
    path.write_text("\n".join(json.dumps(DIALOGUE | {"output": output}) for output in (GOLD, "no tags", GOLD)))
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_names_every_command():
    shown = run("--help").output
    assert all(name in shown for name in ("doctor", "train", "quickstart", "data", "tiny-model"))


def test_bad_rows_are_refused_and_named(source, tmp_path):
    result = run("data", "prepare", source, tmp_path / "out.parquet")
    assert result.exit_code == 2
    assert "1 of 3 rows cannot be trained on" in result.output and "row 1:" in result.output
    assert not (tmp_path / "out.parquet").exists()


def test_bad_rows_are_left_out_and_counted_on_request(source, tmp_path):
    result = run("data", "prepare", source, tmp_path / "out.parquet", "--drop-bad")
    assert result.exit_code == 0
    assert "left out row 1" in result.output
    assert "2 of 3 rows (2 tool calls, 0 answers, 0 both)" in result.output
    assert (tmp_path / "out.parquet").exists()


def test_a_missing_file_is_a_message_not_a_traceback(tmp_path):
    result = run("data", "prepare", tmp_path / "absent.json", tmp_path / "out.parquet")
    assert result.exit_code == 2 and "absent.json" in result.output


def test_an_unknown_method_is_refused_before_anything_is_made(tmp_path):
    result = run("quickstart", "--methods", "gd2po_snrr", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "unknown method 'gd2po_snrr'. Did you mean 'gd2po_snr'?" in result.output
    assert not (tmp_path / "out").exists()


def test_a_tiny_model_is_made_and_not_made_twice(source, tmp_path):
    source.write_text(json.dumps([DIALOGUE] * 4))
    small = ["--vocabulary", 300, "--hidden", 32, "--layers", 1, "--context", 64]
    assert run("tiny-model", source, tmp_path / "model", *small).exit_code == 0
    weights = tmp_path / "model" / "model.safetensors"
    made = weights.stat().st_mtime_ns
    assert run("tiny-model", source, tmp_path / "model", *small).exit_code == 0
    assert weights.stat().st_mtime_ns == made
