"""From raw dialogues to rows verl can read, with every row accounted for."""

import json
import re
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from gd2po.data.checks import SCHEMA, check_parquet, check_rows
from gd2po.data.records import Texts
from gd2po.data.tool_calling import prepare, read_dialogues, to_row
from gd2po.errors import DataError
from gd2po.quickstart.worlds.dialogues import generate

CALL = '<tool_call>\n{"name": "f", "parameters": {"a": [1, "x", null]}}\n</tool_call>'
ANSWER = "<response> done\n\nwith \u00e9 and \u4e2d </response>"


def dialogue(output: str, user: str = "**Dialogue Records History**\n<user> do it </user>") -> dict[str, str]:
    return {"instruction": "You may call tools.", "input": user, "output": output}


def row(output: str = f"<think> t </think>\n{CALL}", **changes: object) -> dict:
    return {**to_row(Texts(**dialogue(output)), "train", 0), **changes}


GOOD = [dialogue(f"<think> t </think>\n{body}") for body in (CALL, ANSWER, f"{CALL}\n{ANSWER}")]


def test_rows_have_the_layout_verl_reads(tmp_path: Path) -> None:
    prepare(GOOD, tmp_path / "new" / "train.parquet", split="train")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "new" / "train.parquet"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert loaded.column_names == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    first = loaded[1]
    assert first["data_source"] == "rlla"
    assert first["ability"] == "tool_calling"
    assert [message["role"] for message in first["prompt"]] == ["system", "user"]
    assert first["prompt"][1]["content"] == GOOD[1]["input"]
    assert first["reward_model"] == {"ground_truth": GOOD[1]["output"], "style": "rule"}
    assert first["extra_info"] == {"split": "train", "index": 1, **GOOD[1]}


def test_every_dialogue_is_counted(tmp_path: Path) -> None:
    dialogues = [*GOOD, dialogue("<think> t </think>" + CALL), GOOD[0]]
    report = prepare(dialogues, tmp_path / "train.parquet", split="train", drop_bad=True)
    assert (report.read, report.written) == (5, 4)
    assert report.kinds == {"tool calls": 2, "answers": 1, "both": 1}
    assert [problem.row for problem in report.dropped] == [3]
    kept = [row["extra_info"]["index"] for row in pq.read_table(report.destination).to_pylist()]
    assert kept == [0, 1, 2, 4]  # the position in the source, so a row can be traced back
    assert check_parquet(report.destination) == []


def test_bad_rows_are_refused_by_default_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"7 of 8 rows.*--drop-bad(?s:.)*row 1: .*format(?s:.)*and 2 more"):
        prepare([GOOD[0], *[dialogue("<think> never closed")] * 7], tmp_path / "train.parquet", split="train")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", [[], [dialogue("<think> never closed")]])
def test_an_empty_result_is_an_error(tmp_path: Path, source: list) -> None:
    with pytest.raises(DataError, match="nothing to write"):
        prepare(source, tmp_path / "train.parquet", split="train", drop_bad=True)


def test_the_ending_verl_needs_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.parquet"):
        prepare(GOOD, tmp_path / "train.pq", split="train")


@pytest.mark.parametrize("as_lines", [False, True])
def test_json_lists_and_json_lines(tmp_path: Path, as_lines: bool) -> None:
    path = tmp_path / "raw.json"
    path.write_text("\n".join(json.dumps(item) for item in GOOD) + "\n" if as_lines else json.dumps(GOOD, indent=1))
    assert read_dialogues(path) == GOOD


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1}\n{"b"\n', "raw.json:2: not JSON"),
        ("[1, ", "raw.json: not JSON"),
        ('["text"]', "1 of 1 rows.*\n  row 0: expected the keys .*found str"),
        ('[{"instruction": "a", "input": "b"}]', "row 0: output is missing"),
        ("\xff", "raw.json: expected JSON in UTF-8"),
    ],
)
def test_unreadable_sources_say_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "raw.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=says):
        prepare(tmp_path / "raw.json", tmp_path / "train.parquet", split="train")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(prompt=[{"role": "user", "content": "hi"}]), r"roles \['user'\]"),
        (row(prompt=None), r"roles \[\]"),
        (row(prompt=[{"role": "system", "content": "a"}, {"role": "user", "content": " "}]), "user message is empty"),
        (
            row(prompt=[{"role": "system", "content": None}, {"role": "user", "content": "a"}]),
            "system message is empty",
        ),
        (
            row(
                prompt=[
                    {"role": "system", "content": "a"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}]},
                ]
            ),
            "content of the user message is a list, expected a text",
        ),
        (row(f"<think> t </think>\n{CALL}\n{CALL}"), "2 <tool_call> blocks, expected one with all calls"),
        (row(extra_info={"split": "train"}), "lacks split or index"),
        (row(reward_model=None), "NoneType"),
        (row("42"), "none of <think>"),
        (row("<think> t </think>" + CALL), "not in the format"),
        (row(f" <think> t </think>\n{CALL}\n\n<response> r </response>"), "not in the format"),
        (row(f"<think> use <tool_call> </think>\n{CALL}"), "must not mention the tag"),
        (row("<think> t </think>\n<tool_call>\n{'name': 'f'}\n</tool_call>"), "expected lines of JSON"),
        (row('<think> t </think>\n<tool_call>\n{"name": "f"}\n</tool_call>'), "parameters"),
    ],
)
def test_a_bad_row_is_named_with_its_reason(bad: dict, says: str) -> None:
    problems = check_rows([row(), bad, row()])
    assert [problem.row for problem in problems] == [1]
    assert re.search(says, str(problems[0]))


def test_a_file_without_a_column_says_so(tmp_path: Path) -> None:
    prepare(GOOD, tmp_path / "train.parquet", split="train")
    pq.write_table(pq.read_table(tmp_path / "train.parquet").drop_columns(["prompt"]), tmp_path / "cut.parquet")
    with pytest.raises(DataError, match="no column prompt; found data_source"):
        check_parquet(tmp_path / "cut.parquet")


def test_thousands_of_rows_pass(tmp_path: Path) -> None:
    report = prepare(generate(2000, seed=0), tmp_path / "train.parquet", split="train")
    assert (report.read, report.written) == (2000, 2000)
    assert pq.read_schema(report.destination).remove_metadata() == SCHEMA


API_BANK = {
    "data_source": "api_bank/lv2",
    "prompt": [{"role": "system", "content": "1. Name: f\nParameters: {}"}, {"role": "user", "content": "u"}],
    "reward_model": {"style": "rule", "ground_truth": '{"name": "f", "parameters": {"a": "1"}}'},
    "extra_info": {"split": "lv2", "index": 0, "instruction": "1. Name: f\nParameters: {}"},
}


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        (None, "the gold call of API-Bank is None"),
        ("{", "expected JSON"),
        ("[]", "expected one"),
        ('[{"name": "f"}]', "expected one"),
        ('{"name": "f", "parameters": {"a": NaN}}', "not right by API-Bank's own scorer"),
    ],
)
def test_a_benchmark_row_needs_a_gold_call_that_its_scorer_finds_right(truth: str | None, says: str) -> None:
    problems = check_rows([API_BANK, API_BANK | {"reward_model": {"style": "rule", "ground_truth": truth}}])
    assert [problem.row for problem in problems] == [1] and says in problems[0].reason
