"""The commands as a user types them."""

import io
import json
import re
import time

import pytest
import rich
from typer.testing import CliRunner

from gd2po.cli import app, engines
from gd2po.data.catalogue import DATA_SETS

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
    assert all(
        name in shown for name in ("doctor", "plan", "train", "sft", "quickstart", "data", "model", "tiny-model")
    )


def test_bad_rows_are_refused_and_named(source, tmp_path):
    result = run("data", "prepare", source, tmp_path / "out.parquet")
    assert result.exit_code == 2
    assert "1 of 3 rows cannot be trained on" in result.output and "row 1:" in result.output
    assert not (tmp_path / "out.parquet").exists()


def test_bad_rows_are_left_out_and_counted_on_request(source, tmp_path):
    result = run("data", "prepare", source, tmp_path / "out.parquet", "--drop-bad")
    assert result.exit_code == 0
    assert "left out row 1" in result.output
    assert "2 of 3 rows (2 tool calls)" in result.output
    assert (tmp_path / "out.parquet").exists()


def test_demonstrations_and_a_default_destination(source):
    source.write_text(json.dumps([DIALOGUE] * 2))
    result = run("data", "prepare", source, "--sft")
    assert result.exit_code == 0 and f"{source.with_suffix('.parquet')}: 2 of 2 rows" in result.output


@pytest.mark.parametrize("name", ["absent.json", "rlla_5k"])
def test_neither_a_file_nor_a_data_set_is_a_message_not_a_traceback(tmp_path, name):
    result = run("data", "prepare", name, tmp_path / "out.parquet")
    assert result.exit_code == 2 and f"{name} is neither a file nor a data set." in result.output


def test_a_data_set_takes_no_options_of_a_file():
    result = run("data", "prepare", "rlla_4k", "--sft")
    assert result.exit_code == 2 and "rlla_4k is a data set" in result.output


def test_the_data_sets_are_listed(tmp_path):
    result = run("data", "list", "--in", tmp_path)
    assert result.exit_code == 0
    assert all(len(line) <= 80 for line in result.output.splitlines())
    rows = [line.split() for line in result.output.splitlines()[1:]]
    assert ["rlla_4k/train", "3,920", "unknown"] in [row[:3] for row in rows]
    assert [row[0] for row in rows] == [member.name for entry in DATA_SETS for member in entry.members]
    assert {row[-1] for row in rows} == {"no"}


def test_an_unknown_data_set_is_refused_before_anything_is_made(tmp_path):
    result = run("data", "get", "api_bank", "rlla", "--to", tmp_path / "d")
    assert result.exit_code == 2 and "no data set 'rlla'. Did you mean 'rlla_4k'?" in result.output
    assert not (tmp_path / "d").exists()


def test_an_unknown_method_is_refused_before_anything_is_made(tmp_path):
    result = run("quickstart", "--methods", "gd2po_snrr", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "unknown method 'gd2po_snrr'. Did you mean 'gd2po_snr'?" in result.output
    assert not (tmp_path / "out").exists()


def test_a_tiny_model_is_made_and_not_made_twice(source, tmp_path):
    source.write_text(json.dumps([DIALOGUE] * 4))
    small = ["--vocabulary", 300, "--hidden", 32, "--layers", 1, "--context", 64]
    first = run("tiny-model", source, tmp_path / "model", *small)
    assert first.exit_code == 0
    assert "0.0 M random weights; next: gd2po sft tool-calling" in first.output
    weights = tmp_path / "model" / "model.safetensors"
    made = weights.stat().st_mtime_ns
    assert "was there already and stays as it is" in run("tiny-model", source, tmp_path / "model", *small).output
    assert weights.stat().st_mtime_ns == made


def test_a_log_has_the_numbers_of_answers_and_failures(capsys):
    with engines.bar("answers", 3) as update:
        update(1, 0)
        update(2, 1)
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith(" s] answers: 0 of 3") and last.endswith(" s] answers, 1 failed: 3 of 3")


def test_two_bars_on_a_terminal_stand_below_each_other():
    written, deadline = io.StringIO(), time.monotonic() + 10
    together = re.compile(r"answers [^\n]* 3/3 [^\n]*\n[^\n]*judged, 1 failed [^\n]* 3/3 ")
    rich.reconfigure(file=written, force_terminal=True, width=80)
    try:
        with engines.bar("answers", 3) as answered, engines.bar("judged", 3) as judged:
            answered(3, 0)
            judged(2, 1)
            while not (found := together.search(_plain(written.getvalue()))) and time.monotonic() < deadline:
                time.sleep(0.02)
    finally:
        rich.reconfigure()
    assert found


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
