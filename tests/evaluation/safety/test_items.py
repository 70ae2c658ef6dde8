"""Prompts from files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.evaluation.safety.items import PromptsError, checksums, find_files, read_items


def row(text, source="a/b"):
    return {"data_source": source, "prompt": [{"role": "user", "content": text}], "other": 1}


@pytest.fixture
def write(tmp_path):
    def to_file(name, *rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path

    return to_file


def test_items_are_numbered_within_their_data_source_over_all_files(write):
    files = [write("1.parquet", row("x"), row("y", "c")), write("2.parquet", row("z"))]
    items, total = read_items(files)
    assert [(item.id, item.messages[-1]["content"]) for item in items] == [("a/b/0", "x"), ("c/0", "y"), ("a/b/1", "z")]
    assert total == 3
    first, total = read_items(files, limit=1)
    assert [item.id for item in first] == ["a/b/0", "c/0"] and total == 3


def test_a_folder_stands_for_the_three_prepared_sets(write, tmp_path):
    for name in ("alpaca", "hh_rlhf"):
        write(f"data/{name}/test.parquet", row("x"))
    with pytest.raises(
        PromptsError, match=r"no pku_saferlhf/test\.parquet; run `gd2po data get pku_saferlhf/test && gd2"
    ):
        find_files([tmp_path / "data"])
    write("data/pku_saferlhf/test.parquet", row("x"))
    files = find_files([tmp_path / "data", write("own.parquet", row("x"))])
    assert [file.parent.name for file in files] == ["alpaca", "hh_rlhf", "pku_saferlhf", tmp_path.name]
    assert list(checksums(files)) == [
        *(f"{file.parent.name}/test.parquet" for file in files[:3]),
        f"{tmp_path.name}/own.parquet",
    ]
    with pytest.raises(PromptsError, match=r"absent\.parquet: there is no such file"):
        find_files([tmp_path / "absent.parquet"])


def test_other_files_are_refused(write, tmp_path):
    (tmp_path / "text.parquet").write_text("no parquet")
    ends_with_assistant = {"data_source": "s", "prompt": [{"role": "assistant", "content": "a"}]}
    for file in (tmp_path / "text.parquet", write("a.parquet", {"x": 1}), write("b.parquet", ends_with_assistant)):
        with pytest.raises(PromptsError, match="is no file of prompts"):
            read_items([file])
    pq.write_table(pa.Table.from_pylist([row("x")]).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(PromptsError, match="no prompt in it"):
        read_items([tmp_path / "empty.parquet"])
