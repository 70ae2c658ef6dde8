"""Prompts of the helpfulness–safety task: made files of the published shape, and the published ones where they are."""

import json
from collections import Counter

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gd2po.data.catalogue import find_members
from gd2po.data.fetching import fetch
from gd2po.data.recipes import prepare_named
from gd2po.data.safe_alignment import SCHEMA, prepare_prompts
from gd2po.errors import DataError

SETS = ("alpaca", "hh_rlhf", "pku_saferlhf")
TWO_TURNS_IN_A_ROW = [667, 763, 1319, 1849, 2667, 3303, 3444, 3524, 3667, 3995, 4159]  # published index


def prepared(source, root):
    """The reports by ``set/file``."""
    for member in find_members(SETS):
        fetch(member, root, source=source / member.name.partition("/")[0])
    reports = [report for name in SETS for report in prepare_named(name, root).reports]
    return {f"{report.destination.parent.name}/{report.destination.stem}": report for report in reports}


def rows(path):
    return pq.read_table(path).to_pylist()


def prompts(table_rows):
    return Counter(json.dumps(row["prompt"]) for row in table_rows)


def shared(table_rows):
    """Rows whose prompt another row has too."""
    return sum(count for count in prompts(table_rows).values() if count > 1)


def test_all_files_have_the_same_columns_and_can_be_read_as_one(made_sets, tmp_path):
    reports = prepared(made_sets, tmp_path / "dataset")
    assert {name: (report.read, report.written) for name, report in reports.items()} == {
        "alpaca/train": (6, 6), "alpaca/test": (3, 3), "hh_rlhf/test": (3, 3), "pku_saferlhf/test": (4, 4)
    }  # fmt: skip
    files = [str(report.destination) for report in reports.values()]
    parts = [datasets.Dataset.from_parquet(file, cache_dir=str(tmp_path / "cache")) for file in files]
    together = datasets.concatenate_datasets(parts)  # as verl's data set does
    assert len(together) == 16 and set(together.features) == set(SCHEMA.names)
    assert {json.dumps(row) for row in together["reward_model"]} == {'{"style": "model"}'}
    assert set(together["data_source"]) == {"Stanford Alpaca", "Anthropic/hh-rlhf", "PKU-Alignment/PKU-SafeRLHF"}


def test_the_index_is_the_published_one_or_the_position(made_sets, tmp_path):
    reports = prepared(made_sets, tmp_path)
    index = {name: [row["extra_info"]["index"] for row in rows(report.destination)] for name, report in reports.items()}
    assert index["hh_rlhf/test"] == [0, 2, 4] and index["pku_saferlhf/test"] == [0, 1, 2, 3]


def test_turns_that_do_not_alternate_stay_and_are_named(made_sets, tmp_path):
    report = prepared(made_sets, tmp_path)["hh_rlhf/test"]
    assert report.kinds == {"questions": 1, "dialogues": 2}
    assert len(report.notes) == 1 and "1 rows have two turns of one role in a row" in report.notes[0]
    assert report.notes[0].endswith("(index 4)")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": [{"content": "a", "role": "assistant"}]}, r"row 1: the prompt has the roles \['assistant'\]"),
        ({"prompt": []}, r"row 1: the prompt has the roles \[\]"),
        ({"prompt": [{"content": " ", "role": "user"}]}, "row 1: the user message is empty"),
        ({"extra_info": {"split": None}}, "row 1: extra_info names no split"),
        ({"reward_model": {"style": "rule"}}, "reward_model.style is 'rule', expected 'model'"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(change, says, tmp_path):
    good = {
        "data_source": "s", "prompt": [{"content": "q", "role": "user"}], "ability": "a",
        "reward_model": {"style": "model"}, "extra_info": {"split": "test"},
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([good, good | change]), tmp_path / "in.parquet")
    with pytest.raises(DataError, match=says):
        prepare_prompts(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


# -- The published files -----------------------------------------------------------------------------------------------


def test_the_published_files_are_those_of_the_catalogue(published_safety, tmp_path):
    for member in find_members(SETS):
        fetch(member, tmp_path, source=published_safety / member.name.partition("/")[0])
        path = member.path(tmp_path)
        assert member.find_fault(tmp_path) is None and path.stat().st_size == member.size


def test_every_published_row_is_prepared_with_its_own_prompt(published_safety, tmp_path):
    reports = prepared(published_safety, tmp_path)
    counts = {name: report.written for name, report in reports.items()}
    assert counts == {
        "alpaca/train": 51_490, "alpaca/test": 512, "hh_rlhf/test": 8_520, "pku_saferlhf/test": 8_211
    }  # fmt: skip
    assert reports["hh_rlhf/test"].kinds == {"questions": 2_598, "dialogues": 5_922}
    assert [report.notes for name, report in reports.items() if name != "hh_rlhf/test"] == [(), (), ()]
    note = reports["hh_rlhf/test"].notes[0]
    assert note.endswith(f"(index {', '.join(map(str, TWO_TURNS_IN_A_ROW))})")
    for member in find_members(["hh_rlhf/test", "pku_saferlhf/test"]):
        published = pq.read_table(member.path(tmp_path), columns=["data_source", "prompt", "ability"])
        assert pq.read_table(tmp_path / f"{member.name}.parquet", columns=published.column_names) == published


def test_what_the_cards_say_of_repeated_and_missing_prompts(published_safety):
    train, test = (rows(published_safety / "alpaca" / f"{split}.parquet") for split in ("train", "test"))
    assert shared(train) == shared(test) == 0 and not prompts(train).keys() & prompts(test).keys()
    hh, pku = (rows(published_safety / name / "test.parquet") for name in ("hh_rlhf", "pku_saferlhf"))
    assert (shared(hh), len(prompts(hh))) == (6, 8_517)
    assert (shared(pku), len(prompts(pku)), prompts(pku).most_common(1)[0][1]) == (1_229, 7_495, 85)
    assert len(pku) - shared(pku) == 6_982 and len(hh) - shared(hh) == 8_514
    index = [row["extra_info"]["index"] for row in hh]
    assert (index[0], index[-1], len(set(range(8_552)) - set(index))) == (0, 8_551, 32)
    turns = Counter(len(row["prompt"]) for row in hh)
    assert (min(turns), max(turns), turns[1], turns[3], turns[5]) == (1, 49, 2_598, 2_348, 2_095)


def test_what_the_card_says_of_the_pairs(published_safety):
    dialogues = rows(published_safety / "hh_rlhf" / "test.parquet")
    last_turns = {row["prompt"][-1]["content"] for row in dialogues}
    for kind, equal, expected in (("harmless", 0, 2_272), ("helpful", 2, 2_318)):
        pairs = json.loads((published_safety / "hh_rlhf" / f"hh_rlhf_{kind}_test.json").read_bytes())
        assert {pair["better_response_id"] for pair in pairs} == {0}
        assert sum(pair["response_0"] == pair["response_1"] for pair in pairs) == equal
        assert sum(pair["prompt"] in last_turns for pair in pairs) == expected
