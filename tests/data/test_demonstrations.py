"""Demonstrations: what is imitated, what is left out, and why."""

import pyarrow.parquet as pq
import pytest

from gd2po.data.demonstrations import SCHEMA, prepare_demonstrations
from gd2po.errors import DataError
from gd2po.quickstart.worlds.dialogues import demonstrations, generate

RECORDS = demonstrations(generate(6, 1), 1)


def test_a_demonstration_is_a_dialogue_that_ends_with_the_answer(tmp_path):
    report = prepare_demonstrations(RECORDS, tmp_path / "sft.parquet", split="s")
    table = pq.read_table(tmp_path / "sft.parquet")
    assert table.schema.remove_metadata() == SCHEMA
    for index, (row, record) in enumerate(zip(table.to_pylist(), RECORDS, strict=True)):
        assert row["messages"] == [
            {"role": "system", "content": record["instruction"]},
            {"role": "user", "content": record["input"]},
            {"role": "assistant", "content": record["output"]},
        ]
        assert row["extra_info"] == {"split": "s", "index": index}
    assert (report.read, report.written, sum(report.kinds.values())) == (6, 6, 6)


@pytest.mark.parametrize("tag", ["<tool_call>", "</tool_call>", "<response>"])
def test_a_thought_that_mentions_a_tag_is_left_out(tmp_path, tag):
    bad = RECORDS[0] | {"output": RECORDS[0]["output"].replace("<think>", f"<think> the {tag} tag,", 1)}
    report = prepare_demonstrations([bad, RECORDS[1]], tmp_path / "sft.parquet", split="s", drop_bad=True)
    assert [(problem.row, tag in problem.reason) for problem in report.dropped] == [(0, True)]
    with pytest.raises(DataError, match="1 of 2 rows"):
        prepare_demonstrations([bad, RECORDS[1]], tmp_path / "sft.parquet", split="s")


def test_prompts_to_be_tested_on_are_not_learned(tmp_path):
    held_out = {(RECORDS[2]["instruction"], RECORDS[2]["input"]): "test row 7"}
    report = prepare_demonstrations(
        RECORDS, tmp_path / "sft.parquet", split="s", drop_bad=True, held_out=held_out, notes=["n"]
    )
    assert [str(problem) for problem in report.dropped] == [
        "row 2: its prompt is that of test row 7, and would leak into training"
    ]
    assert report.notes == ("n",)
