"""The rows of a task's files for TRL."""

import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

from gd2po.errors import DataError
from gd2po.hosts.trl.prompts import load_prompts, without_long_prompts


@pytest.fixture
def files(tmp_path):
    """Two files whose further columns differ."""
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for number, path in enumerate(paths):
        rows = [
            {
                "messages": [{"role": "user", "content": "word " * length}],
                "data_source": path.stem,
                "extra_info": {"index": length, f"own{number}": "x"},
                "ability": "tools",
            }
            for length in (1, 2, 40)
        ]
        pq.write_table(pa.Table.from_pylist(rows), path)
    return [str(path) for path in paths]


def test_files_are_joined_and_columns_named(files):
    rows = load_prompts(files, "messages", -1, 1)
    assert rows.column_names == ["data_source", "prompt", "extra_info"]
    assert rows["data_source"] == ["a"] * 3 + ["b"] * 3
    assert rows[0]["prompt"] == [{"role": "user", "content": "word "}]
    assert rows[4]["extra_info"] == {"index": 2, "own0": None, "own1": "x"}


def test_fewer_rows_are_drawn_by_the_seed(files):
    drawn = [load_prompts(files, "messages", 3, seed)["extra_info"] for seed in (1, 1, 2)]
    assert len(drawn[0]) == 3 and drawn[0] == drawn[1] != drawn[2]
    assert len(load_prompts(files[0], "messages", 9, 1)) == 3


def test_a_missing_file_or_column_is_named(files, tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none.parquet; gd2po data prepare"):
        load_prompts(str(tmp_path / "none.parquet"), "prompt", -1, 1)
    with pytest.raises(DataError, match=r"a.parquet has no column 'prompt'; its columns are messages, data_source"):
        load_prompts(files, "prompt", -1, 1)


def limits(**changes):
    block = {"max_prompt_length": 60, "apply_chat_template_kwargs": {}}
    return block | {"filter_overlong_prompts": False, "truncation": "error"} | changes


def test_long_prompts_are_left_out_or_refused(files, policy, caplog):
    from transformers import AutoTokenizer

    tokenizer, rows = AutoTokenizer.from_pretrained(policy), load_prompts(files, "messages", -1, 1)
    with caplog.at_level(logging.WARNING):
        assert len(without_long_prompts(rows, tokenizer, limits(filter_overlong_prompts=True))) == 4
        assert caplog.text == ""
        assert len(without_long_prompts(rows, tokenizer, limits(truncation="left"))) == 4
    assert "2 of 6 prompts are longer than data.max_prompt_length, 60 tokens, and TRL does not cut" in caplog.text
    with pytest.raises(DataError, match=r"2 of 6 prompts are longer .* Set data.filter_overlong_prompts=true"):
        without_long_prompts(rows, tokenizer, limits())
    with pytest.raises(DataError, match=r"6 of 6 prompts are longer .*; none is left"):
        without_long_prompts(rows, tokenizer, limits(max_prompt_length=2))
