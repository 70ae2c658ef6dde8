"""Files that others see whole or not at all."""

import pytest

from gd2po.files import whole_file, write_whole


def test_text_and_bytes_are_written_with_their_folder(tmp_path):
    write_whole(tmp_path / "new" / "a.txt", "ä\n")
    write_whole(tmp_path / "new" / "b.bin", b"\x00")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ä\n".encode()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.txt", "b.bin"]


def test_a_block_that_raises_leaves_the_former_file_and_nothing_else(tmp_path):
    destination = tmp_path / "a.txt"
    write_whole(destination, "before")
    with pytest.raises(ValueError, match="half"), whole_file(destination) as partial:
        partial.write_text("hal")
        raise ValueError("half")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert destination.read_text() == "before"
