"""Every format gives the same rollouts; columns are found, or asked for."""

import gzip
import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.errors import SettingsError
from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading import read, sources

SCORES = [[1.0, 0.9], [0.0, 0.1], [1.0, 0.2], [0.0, 0.8], [0.5, None], [1.0, 3.0]]
GROUPS = ["q", "q", "q", "q", "p", "p"]
ANSWERS = ["a b c", "a", "", "a b", "a b c d", "a"]


def dump_rows():
    """As our plug-in makes verl write them."""
    for row, (group, scores, answer) in enumerate(zip(GROUPS, SCORES, ANSWERS, strict=True)):
        yield {
            "input": f"prompt {group}",
            "output": answer,
            "gts": "1",
            "score": 7.0,
            "step": 3,
            "uid": f"{group}_x_{row}_0",
            "reward/correct": scores[0],
            "reward/short": scores[1],
            "adv/correct": 0.5,
            "conflict": True,
            "query_weight": 0.5,
            "advantage": 0.1,
        }


def validation_rows():
    """As verl writes the columns of a reward function."""
    for row in dump_rows():
        kept = {key: row[key] for key in ("input", "output", "gts", "score", "step")}
        yield kept | {"reward": 1.0, "correct": row["reward/correct"], "short": row["reward/short"]}


def trl_table():
    """As TRL logs completions."""
    return pa.table(
        {
            "step": [3] * 6,
            "prompt": [f"prompt {group}" for group in GROUPS],
            "completion": ANSWERS,
            "correct": [scores[0] for scores in SCORES],
            "short": [scores[1] for scores in SCORES],
            "advantage": [0.0] * 6,
        }
    )


def plain_table():
    """As anybody would."""
    columns = {"group_id": GROUPS, "response": ANSWERS}
    return pa.table(columns | {name: [row[k] for row in SCORES] for k, name in enumerate(("correct", "short"))})


def as_csv(table):
    header = ",".join(table.column_names)
    rows = [",".join("" if cell is None else str(cell) for cell in row.values()) for row in table.to_pylist()]
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture(params=["dump", "validation", "trl", "parquet", "csv", "gzip", "folder", "stdin"])
def source(request, tmp_path, write_lines, monkeypatch):
    kind = request.param
    if kind == "dump":
        return str(write_lines(dump_rows()))
    if kind == "validation":
        return str(write_lines(validation_rows()))
    if kind in ("trl", "parquet"):
        path = tmp_path / "completions_00003.parquet"
        pq.write_table(trl_table() if kind == "trl" else plain_table(), path, row_group_size=4)
        return str(path)
    if kind == "csv":
        path = tmp_path / "rollouts.csv"
        path.write_text(as_csv(plain_table()))
        return str(path)
    lines = "".join(json.dumps(row) + "\n" for row in dump_rows())
    if kind == "gzip":
        (tmp_path / "3.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
        return str(tmp_path / "3.jsonl.gz")
    if kind == "folder":
        cut = lines.index("\n", len(lines) // 2) + 1
        (tmp_path / "1.jsonl").write_text(lines[:cut])
        (tmp_path / "2.jsonl").write_text(lines[cut:].rstrip("\n"))  # a last line without an end
        return str(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    return "-"


def test_every_format_gives_the_same_rollouts(source):
    rollouts = read([source], Choice())
    assert rollouts.names == ("correct", "short")
    assert sorted(rollouts.sizes.tolist()) == [2, 4]
    rows = sorted(zip(*rollouts.scores.tolist(), rollouts.lengths.tolist(), strict=True), key=str)
    expected = [
        (correct, np.nan if short is None else short, len(a.split()))
        for (correct, short), a in zip(SCORES, ANSWERS, strict=True)
    ]
    np.testing.assert_array_equal(rows, sorted(expected, key=str))
    assert rollouts.account.rows == 6 and rollouts.account.bad == 0


def test_a_file_read_in_small_chunks_is_the_same(write_lines, monkeypatch):
    path = str(write_lines(dump_rows()))
    whole = read([path], Choice())
    monkeypatch.setattr(sources, "CHUNK_ROWS", 2)
    pieces = read([path], Choice())
    np.testing.assert_array_equal(whole.scores, pieces.scores)
    np.testing.assert_array_equal(whole.groups, pieces.groups)


def test_equal_ids_of_different_steps_are_different_groups(write_lines):
    rows = [{"uid": "q", "step": row // 2, "a": row, "b": 1 - row} for row in range(6)]
    assert read([str(write_lines(rows))], Choice()).sizes.tolist() == [2, 2, 2]


def test_only_the_last_output_of_a_session_counts(write_lines):
    rows = [
        {"input": "i", "output": text, "step": 1, "uid": f"q_{session}_{output}", "reward/a": 1.0, "reward/b": score}
        for session, output, text, score in [(0, 0, "x", 5.0), (0, 1, "y y", 1.0), (1, 0, "z z z", 2.0)]
    ]
    rollouts = read([str(write_lines(rows))], Choice())
    assert rollouts.scores[1].tolist() == [1.0, 2.0]
    assert rollouts.lengths.tolist() == [2, 3]
    assert rollouts.account.earlier_outputs == 1


def test_an_id_with_numbers_at_its_end_is_split_only_in_verls_dumps(write_lines):
    rows = [{"uid": f"math_{row}_0", "a": row, "b": -row} for row in (0, 0, 1, 1)]
    assert read([str(write_lines(rows))], Choice(scores=("a", "b"))).sizes.tolist() == [2, 2]


def test_rows_without_a_score_that_counts_are_left_out(checked):
    columns = {"group": ["q"] * 4, "a": [1, 2, "", ""], "b": [2, 1, "", ""], "c": [0, 1, 2, 3]}
    evidence = checked(columns, weights={"c": 0})
    assert evidence.rollouts == 2
    assert evidence.account.unscored == 2


def test_true_and_false_are_scores_and_so_are_numbers_in_quotes(write_lines):
    rows = [{"group": 1, "a": row % 2 == 0, "b": str(row / 2)} for row in range(4)]
    rollouts = read([str(write_lines(rows))], Choice(scores=("a", "b")))
    np.testing.assert_array_equal(rollouts.scores, [[1, 0, 1, 0], [0, 0.5, 1, 1.5]])


def test_words_for_nothing_in_a_csv_are_missing_scores(checked):
    evidence = checked({"group": list("qqqq"), "a": [1, 2, "NA", "N/A"], "b": ["nan", 1, 2, "null"]}, scores=("a", "b"))
    assert [reward.missing for reward in evidence.rewards] == [1, 1]
    assert evidence.account.unscored == 1


def test_ids_that_are_not_unicode_are_told_apart(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"prompt,a,b\nK\xf6ln,1,2\nK\xf6ln,2,1\nK\xfcln,1,2\nK\xfcln,1,1\n")
    assert read([str(tmp_path / "x.csv")], Choice()).sizes.tolist() == [2, 2]


def test_lists_are_no_numbers(write_lines):
    rows = [{"group": 1, "a": [row, row], "b": row} for row in range(3)]
    with pytest.raises(CheckError, match=r"line 1: a is \[0, 0\], not a finite number"):
        read([str(write_lines(rows))], Choice(scores=("a", "b")))


def test_a_prompt_of_messages_tells_the_group(tmp_path):
    prompts = [[{"role": "user", "content": text}] for text in "qqpp"]
    pq.write_table(pa.table({"prompt": prompts, "a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}), tmp_path / "x.parquet")
    assert read([str(tmp_path / "x.parquet")], Choice()).sizes.tolist() == [2, 2]


def test_responses_that_are_all_empty_tell_no_length(checked, example):
    evidence = checked(example | {"output": [""] * 8})
    assert evidence.account.lengths_from == ""
    assert evidence.method("Hard").tokens_masked.value == 0.5


def test_columns_that_are_no_rewards_are_named(checked, example):
    evidence = checked(example | {"score": [1] * 8, "step": [1] * 8, "idx": list(range(8))})
    assert [reward.name for reward in evidence.rewards] == ["correct", "short"]
    assert evidence.account.not_taken == ("score", "idx")
    assert evidence.account.by_step


def test_columns_can_be_chosen(checked, example):
    columns = {"n": [1] * 8, "who": list("ababcdcd"), "from": list("xyxyxyxy")}
    evidence = checked(
        example | columns, scores=("short", "n"), group="who", source="from", directions={"n": "minimize"}
    )
    assert [(reward.name, reward.direction) for reward in evidence.rewards] == [
        ("short", "maximize"),
        ("n", "minimize"),
    ]
    assert evidence.groups == 4
    assert [(part.label, part.rollouts) for part in evidence.sources] == [("x", 4), ("y", 4)]


@pytest.mark.parametrize(
    ("change", "choice", "error", "text"),
    [
        ({"short": None}, {}, CheckError, "1 of the columns is a reward (correct); expected two or more"),
        ({"group": None}, {}, CheckError, "no column tells which rollouts are of one prompt: found correct, short"),
        ({"group": list("abcdefgh")}, {}, CheckError, "no two rollouts share a value of 'group'"),
        ({}, {"group": "grup"}, CheckError, "--group: no column is called 'grup'. Did you mean 'group'?"),
        ({}, {"scores": ("correct", "shrt")}, CheckError, "Did you mean 'short'?"),
        ({}, {"source": "dataset"}, CheckError, "--source: no column is called 'dataset'"),
        ({}, {"weights": {"shrt": 1.0}}, SettingsError, "Did you mean 'short'?"),
        ({}, {"directions": {"short": "down"}}, SettingsError, "unknown direction of reward 'short' 'down'"),
        ({}, {"taus": (1.5,)}, SettingsError, "threshold: found 1.5"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_remedy(checked, example, change, choice, error, text):
    columns = {name: values for name, values in (example | change).items() if values is not None}
    with pytest.raises(error) as refusal:
        checked(columns, **choice)
    assert text in str(refusal.value)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "x.txt").touch()
    (tmp_path / "x.parquet").write_text("no")
    (tmp_path / "x.csv").touch()
    (tmp_path / "empty").mkdir()
    for name, text in (
        ("x.txt", "format that is not known"),
        ("x.parquet", "is no Parquet file"),
        ("x.csv", "is no CSV"),
        ("empty", "holds none of: .jsonl"),
    ):
        with pytest.raises(CheckError, match=text):
            read([str(tmp_path / name)], Choice())
    packed = gzip.compress(b'{"uid": 1, "a": 1, "b": 2}\n' * 100_000)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(CheckError, match=r"cut.jsonl.gz cannot be read"):
        read([str(tmp_path / "cut.jsonl.gz")], Choice())
    with pytest.raises(FileNotFoundError, match="is not there"):
        read([str(tmp_path / "absent.jsonl")], Choice())
