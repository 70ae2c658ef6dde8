"""A file comes into its place whole and right, or stays out of it."""

from dataclasses import replace

import pytest

from gd2po.data.catalogue import Member
from gd2po.data.downloading import Listener
from gd2po.data.fetching import Fetched, fetch
from gd2po.data.published import Checksum
from gd2po.errors import DataError, DownloadError

RIGHT, WRONG = b'[{"a": 1}, {"a": 2}]', b"<html>please log in</html>"
KINDS = ("sha256", "git-blob")


@pytest.fixture(params=KINDS)
def member(request, server, tmp_path):
    path = tmp_path / "right"
    path.write_bytes(RIGHT)
    checksum = Checksum(request.param, "").of(path)
    server.files["/there/f.json"] = RIGHT
    return Member("toy/f", f"{server.url}/there/f.json", checksum, rows=2, purpose="tests", size=len(RIGHT))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "dataset"


def names(root):
    return sorted(path.name for path in (root / "toy" / "raw").iterdir())


def test_a_download_lands_in_raw_and_is_not_repeated(member, root, server):
    assert member.find_fault(root).startswith("absent; run `gd2po data get toy/f`")
    assert fetch(member, root) is Fetched.DOWNLOADED
    assert (root / "toy" / "raw" / "f.json").read_bytes() == RIGHT
    assert fetch(member, root) is Fetched.PRESENT
    assert names(root) == ["f.json"] and len(server.requests) == 1
    assert member.find_fault(root) is None


def test_an_interrupted_download_is_gone_on_with(member, root, server, no_waiting):
    server.cuts = [5]
    troubles = []
    assert fetch(member, root, listener=Listener(trouble=troubles.append)) is Fetched.DOWNLOADED
    assert server.requests[1] == ("/there/f.json", "bytes=5-") and len(troubles) == 1
    assert names(root) == ["f.json"]


def test_a_wrong_download_is_kept_aside_and_never_used(member, root, server):
    server.files["/there/f.json"] = WRONG
    with pytest.raises(DataError, match=rf"toy/f has {member.checksum.kind} \w+ and 26 bytes, expected .*\.rejected"):
        fetch(member, root)
    assert names(root) == ["f.json.rejected"]
    assert (root / "toy" / "raw" / "f.json.rejected").read_bytes() == WRONG
    server.files["/there/f.json"] = RIGHT
    assert fetch(member, root) is Fetched.DOWNLOADED  # from its first byte
    assert server.requests[-1] == ("/there/f.json", None)


def test_a_wrong_part_cannot_become_the_file(member, root):
    part = root / "toy" / "raw" / "f.json.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WRONG[:5])
    with pytest.raises(DataError, match="not used"):
        fetch(member, root)
    assert fetch(member, root) is Fetched.DOWNLOADED


def test_a_wrong_file_in_the_place_is_set_aside_and_replaced(member, root):
    path = member.path(root)
    path.parent.mkdir(parents=True)
    path.write_bytes(WRONG)
    assert f"has {member.checksum.kind}" in member.find_fault(root)
    sentences = []
    assert fetch(member, root, listener=Listener(trouble=sentences.append)) is Fetched.DOWNLOADED
    assert path.read_bytes() == RIGHT and path.with_name("f.json.rejected").read_bytes() == WRONG
    assert "kept aside" in sentences[0]


def test_the_old_file_stays_when_the_new_one_cannot_be_had(member, root, server):
    path = member.path(root)
    path.parent.mkdir(parents=True)
    path.write_bytes(WRONG)
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        fetch(member, root)
    assert names(root) == ["f.json"]


def test_a_wrong_number_of_rows_is_a_fault(member, root):
    fetch(member, root)
    assert "has 2 rows, expected 3" in replace(member, rows=3).find_fault(root)


def test_a_copy_is_found_by_its_name_at_any_depth(member, root, tmp_path, server):
    (tmp_path / "usb" / "a" / "b").mkdir(parents=True)
    (tmp_path / "usb" / "a" / "b" / "f.json").write_bytes(RIGHT)
    assert fetch(member, root, source=tmp_path / "usb") is Fetched.COPIED
    assert member.path(root).read_bytes() == RIGHT and names(root) == ["f.json"] and not server.requests


def test_of_several_candidates_the_right_one_is_taken(member, root, tmp_path):
    for folder, content in (("a", WRONG), ("b", RIGHT), ("c", b"")):
        (tmp_path / "usb" / folder).mkdir(parents=True)
        (tmp_path / "usb" / folder / "f.json").write_bytes(content)
    assert fetch(member, root, source=tmp_path / "usb") is Fetched.COPIED
    assert member.path(root).read_bytes() == RIGHT


@pytest.mark.parametrize("content", [None, WRONG])
def test_a_folder_without_the_right_file_is_refused_with_what_it_has(member, root, tmp_path, content):
    (tmp_path / "usb").mkdir()
    if content:
        (tmp_path / "usb" / "f.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"usb holds no f\.json with {member.checksum}.*{member.address}") as caught:
        fetch(member, root, source=tmp_path / "usb")
    assert ("f.json has" in str(caught.value)) == bool(content)
    assert not root.exists()
