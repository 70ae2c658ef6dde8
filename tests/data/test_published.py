"""Checksums as their own tools print them."""

import shutil
import subprocess

import pytest

from gd2po.data.published import Checksum

CONTENTS = (b"", b"hello\n", bytes(range(256)) * 9000)  # the last is longer than one read


@pytest.mark.parametrize("content", CONTENTS, ids=len)
@pytest.mark.parametrize(
    ("kind", "command"), [("sha256", ["sha256sum"]), ("git-blob", ["git", "hash-object", "--no-filters"])]
)
def test_a_checksum_is_what_the_tool_prints(tmp_path, kind, command, content):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine")
    path = tmp_path / "file"
    path.write_bytes(content)
    printed = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout
    assert Checksum(kind, "").of(path) == Checksum(kind, printed.split()[0])


def test_the_git_blob_of_a_published_file(published_rlla):
    assert (
        Checksum("git-blob", "").of(published_rlla / "test.parquet").value == "ccdac1cc0112fb54dd68cbc88d9abfe28ce3d749"
    )
