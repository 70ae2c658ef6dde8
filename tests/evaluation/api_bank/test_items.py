"""Items: what one must hold, and the files they come from."""

import hashlib
import json

import pytest

from gd2po.evaluation.api_bank import LEVELS, ItemError, items, load_items, score

RIGHT = {"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}


@pytest.mark.parametrize("answer", [RIGHT, [RIGHT]])
def test_the_gold_call_may_stand_alone_or_in_a_list(item, reply, answer) -> None:
    scores = score(reply(RIGHT), item | {"answer": answer})
    assert (scores["published_correct"], scores["strict_correct"]) == (1, 1)


@pytest.mark.parametrize("answer", [None, [], [RIGHT, RIGHT], "Book", [[RIGHT]], {"name": "Book"}, RIGHT | {"name": 1}])
def test_an_item_without_one_gold_call_is_refused(item, answer) -> None:
    with pytest.raises(ItemError, match=r"the item Level1_0 has the answer .*, expected one"):
        score("", item | {"answer": answer})


def test_an_item_without_a_system_message_is_refused() -> None:
    with pytest.raises(ItemError, match="has the fields answer, expected a text 'system'"):
        score("", {"answer": RIGHT})


@pytest.fixture
def folder(tmp_path, monkeypatch, item):
    """A folder with level 2 in raw/, its checksum taken for the published one."""
    content = json.dumps([{"system": "s", "user": "u", "answer": RIGHT, "other": {}}] * LEVELS[2]).encode()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "level-2-api_processed.json").write_bytes(content)
    monkeypatch.setattr(items, "CHECKSUMS", {**items.CHECKSUMS, 2: hashlib.sha256(content).hexdigest()})
    return tmp_path


@pytest.mark.parametrize("inside", ["", "raw"])
def test_a_level_is_found_in_raw_and_beside_it(folder, inside) -> None:
    loaded = load_items(2, folder / inside)
    assert [entry["id"] for entry in loaded] == [f"Level2_{index}" for index in range(67)]


def test_a_changed_file_is_refused(folder) -> None:
    with (folder / "raw" / "level-2-api_processed.json").open("a") as file:
        file.write("\n")
    with pytest.raises(ItemError, match=r"has the checksum .*, expected .*gd2po data get api_bank"):
        load_items(2, folder)


def test_a_missing_file_and_a_missing_level_are_refused(tmp_path) -> None:
    with pytest.raises(ItemError, match=r"holds no level-3-api_processed\.json.*gd2po data get api_bank"):
        load_items(3, tmp_path)
    with pytest.raises(ItemError, match="no level 4; expected one of 1, 2, 3"):
        load_items(4, tmp_path)


def test_denominators():
    assert LEVELS == {1: 399, 2: 67, 3: 131}
