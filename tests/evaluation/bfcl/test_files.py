"""BFCL's files: what an interruption leaves, and what does not add up."""

import json
from pathlib import Path

import pytest

from gd2po.evaluation.bfcl import files
from gd2po.evaluation.bfcl.process import BFCLError

CATEGORY = "live_parallel"  # 16 entries
GOOD = [{"id": f"live_parallel_{number}-0-0", "result": "text", "finish": "stop"} for number in range(16)]
BAD = {"id": "live_parallel_15-0-0", "result": "Error during inference: no", "traceback": "…"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for kind in ("result", "score"):
        (tmp_path / kind / "gd2po" / "live").mkdir(parents=True)
    return tmp_path


def lay(root: Path, kind: str, rows: list[dict], torn: str = "") -> Path:
    path = root / kind / "gd2po" / "live" / f"BFCL_v4_{CATEGORY}_{kind}.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + torn)
    return path


def test_complete_answers_are_read(root):
    lay(root, "result", GOOD)
    assert files.read_answers(root, CATEGORY) == GOOD


@pytest.mark.parametrize("rows", [GOOD[:15], [*GOOD[:15], GOOD[0]], [*GOOD, GOOD[0]]], ids=["15", "twice", "17"])
def test_missing_and_doubled_answers_are_refused(root, rows):
    lay(root, "result", rows)
    with pytest.raises(BFCLError, match="expected one to each of 16 entries"):
        files.read_answers(root, CATEGORY)


def test_a_category_without_a_file_is_refused(root):
    with pytest.raises(BFCLError, match="holds 0 score files of live_parallel"):
        files.read_failures(root, CATEGORY)


def test_failures_are_read(root):
    lay(root, "score", [{"accuracy": 15 / 16, "correct_count": 15, "total_count": 16}, {"id": "a", "error": ["why"]}])
    assert files.read_failures(root, CATEGORY) == {"a": {"id": "a", "error": ["why"]}}


@pytest.mark.parametrize("correct, total", [(16, 16), (15, 17), (14, 15)])
def test_counts_that_do_not_agree_are_refused(root, correct, total):
    lay(root, "score", [{"accuracy": 0, "correct_count": correct, "total_count": total}, {"id": "a", "error": []}])
    with pytest.raises(BFCLError, match="expected 16 entries"):
        files.read_failures(root, CATEGORY)


def test_what_failed_or_was_torn_is_asked_again(root):
    path = lay(root, "result", [*GOOD[:3], BAD], torn='{"id": "live_parallel_9-0-0", "res')
    assert files.keep_answered(root) == 3
    assert [json.loads(line) for line in path.read_text().splitlines()] == GOOD[:3]


def test_a_session_is_counted_from_its_start(root):
    assert files.count_ticks(root) == (0, 0)
    (root / "ticks").write_bytes(b"..x.")
    assert files.count_ticks(root) == (3, 1)
    files.keep_answered(root)
    assert files.count_ticks(root) == (0, 0)


def test_tables_with_unevaluated_parts_are_deleted(root):
    (root / "score" / "data_overall.csv").write_text("Overall")
    path = lay(root, "score", GOOD)
    files.drop_tables(root)
    assert list(root.rglob("*.csv")) == [] and path.exists()
    files.drop_scores(root)
    assert not path.exists()
