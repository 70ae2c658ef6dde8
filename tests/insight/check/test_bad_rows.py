"""Rows that cannot be used are counted, and the first few named with their place and what is wrong."""

import pytest

from gd2po.insight.check.choice import CheckError, Choice
from gd2po.insight.check.reading import csv_file, read, sources

GOOD = [{"uid": "q", "a": row, "b": -row} for row in range(20)]


@pytest.mark.parametrize("rows", [sources.CHUNK_ROWS, 3])
def test_json_lines(write_lines, monkeypatch, rows):
    monkeypatch.setattr(sources, "CHUNK_ROWS", rows)
    bad = [
        '{"uid": "q", "a": 1',
        "[1, 2]",
        {"uid": "q", "a": "much", "b": 1},
        {"uid": "q", "a": float("inf"), "b": 1},
        {"a": 1, "b": 1},
        "not even this",
    ]
    path = str(write_lines([*GOOD[:10], bad[0], "", *GOOD[10:], *bad[1:]]))
    rollouts = read([path], Choice(scores=("a", "b")))
    assert rollouts.count == 20
    assert (rollouts.account.rows, rollouts.account.bad) == (26, 6)
    reasons = {
        f"{path}, line 11: not a JSON object",
        f"{path}, line 23: not a JSON object",
        f"{path}, line 24: a is 'much', not a finite number",
        f"{path}, line 25: a is inf, not a finite number",
        f"{path}, line 26: no uid",
        f"{path}, line 27: not a JSON object",
    }
    assert len(rollouts.account.bad_examples) == 5
    assert reasons.issuperset(rollouts.account.bad_examples)


def test_csv(tmp_path):
    path = tmp_path / "rollouts.csv"
    path.write_text('uid,a,b,output\nq,1,2,"two\nlines"\nq,1\nq,2,3,x\nq,many,3,x\n,2,3,x\nq,nan,3,x\n')
    rollouts = read([str(path)], Choice(scores=("a", "b")))
    assert rollouts.count == 3
    assert rollouts.account.bad_examples == (
        f"{path}, row 3: 2 fields; the header has 4",
        f"{path}, row 5: a is 'many', not a finite number",
        f"{path}, row 6: no uid",
    )


def test_a_quote_that_is_never_closed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "LONGEST_CELL", 1000)
    path = tmp_path / "rollouts.csv"
    path.write_text("uid,a,b\nq,1,2\nq,1,2\n" + 'q,"1,2\n' + "q,1,2\n" * 1000)
    with pytest.raises(CheckError, match=r"rollouts\.csv, row 4: .*a quote that is not closed"):
        read([str(path)], Choice())


def test_a_length_that_is_none(checked, example):
    evidence = checked(example | {"response_length": [5, -1, 2.5, 1, 1, 1, 1, 1]})
    assert evidence.account.bad == 2
    assert "response_length is -1, not a whole number of tokens" in evidence.account.bad_examples[0]


def test_no_good_row_at_all(write_lines):
    rows = [{"uid": "q", "a": "x", "b": "y"}] * 3
    with pytest.raises(CheckError, match=r"no row can be used\. .*line 1: a is 'x', not a finite number"):
        read([str(write_lines(rows))], Choice(scores=("a", "b")))
