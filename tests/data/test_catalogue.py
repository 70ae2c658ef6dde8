"""What the catalogue promises of each entry."""

import re

import pytest

from gd2po.data.catalogue import DATA_SETS, find_members, find_set
from gd2po.errors import DataError

MEMBERS = [member for found in DATA_SETS for member in found.members]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_every_address_is_pinned_to_a_commit(member):
    pinned = rf"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{{40}}/\S+/{re.escape(member.file)}"
    assert re.fullmatch(pinned, member.address)
    assert len(member.checksum.value) == {"sha256": 64, "git-blob": 40}[member.checksum.kind]


@pytest.mark.parametrize("found", DATA_SETS, ids=lambda found: found.name)
def test_every_set_has_terms_and_a_card_with_its_figures(found, request):
    assert found.licence and found.terms.endswith(".")
    card = (request.config.rootpath / "dataset" / f"{found.name}.md").read_text(encoding="utf-8")
    for member in found.members:
        assert member.checksum.value in card and member.file in card and f"| {member.rows:,} |" in card


def test_files_of_a_set_do_not_share_a_place(tmp_path):
    assert len({member.path(tmp_path) for member in MEMBERS}) == len({member.name for member in MEMBERS}) == 12


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
