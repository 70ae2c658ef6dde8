"""What the catalogue promises of each entry."""

import re

import pytest

from gd2po.data.catalogue import DATA_SETS, find_members, find_set
from gd2po.errors import DataError

MEMBERS = [member for data_set in DATA_SETS for member in data_set.members]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_every_address_is_pinned_to_a_commit(member):
    if member.checksum.kind == "unseen":  # no commit of it is known here; only its rows can be checked
        assert member.address.startswith("https://huggingface.co/datasets/") and member.size is None
        return
    pinned = rf"https://raw\.githubusercontent\.com/[\w-]+/[\w.-]+/[0-9a-f]{{40}}/\S+/{re.escape(member.file)}"
    assert re.fullmatch(pinned, member.address)
    assert len(member.checksum.value) == {"sha256": 64, "git-blob": 40}[member.checksum.kind]


@pytest.mark.parametrize("data_set", DATA_SETS, ids=lambda data_set: data_set.name)
def test_every_set_has_terms_and_a_card_with_its_figures(data_set, request):
    assert data_set.licence and data_set.terms.endswith(".")
    card = (request.config.rootpath / "dataset" / f"{data_set.name}.md").read_text(encoding="utf-8")
    for member in data_set.members:
        assert member.checksum.value in card and member.file in card and f"| {member.rows:,} |" in card


def test_files_of_a_set_do_not_share_a_place(tmp_path):
    assert len(MEMBERS) >= 12
    assert (
        len({member.path(tmp_path) for member in MEMBERS}) == len({member.name for member in MEMBERS}) == len(MEMBERS)
    )


def test_names_are_sets_or_members():
    assert [member.name for member in find_members(["api_bank/lv2", "rlla_4k", "rlla_4k/sft"])] == [
        "api_bank/lv2",
        "rlla_4k/train",
        "rlla_4k/test",
        "rlla_4k/sft",
    ]
    assert find_set(find_members(["api_bank/lv2"])[0]).name == "api_bank"
    with pytest.raises(DataError, match=r"no data set 'api_bank/lv4'\. Did you mean 'api_bank/lv"):
        find_members(["rlla_4k", "api_bank/lv4"])
