"""From published files to those that training reads: made ones, and the real ones where they are."""

import json

import datasets
import pyarrow.parquet as pq
import pytest

from gd2po.data.catalogue import find_members
from gd2po.data.checks import SCHEMA, check_parquet
from gd2po.data.demonstrations import SCHEMA as SFT_SCHEMA
from gd2po.data.fetching import fetch
from gd2po.data.recipes import RECIPES, prepare_named
from gd2po.errors import DataError
from gd2po.rewards.tool_calling import compute_score

API_BANK_ROWS = {"lv1": 399, "lv2": 67, "lv3": 131}
TAGS_IN_THOUGHT = [10, 44, 73, 76, 95, 97, 200, 213, 252, 280, 285, 317, 348, 350, 356, 363, 380]


def bring(source, root, *names):
    for member in find_members(names):
        fetch(member, root, source=source)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "dataset"


@pytest.fixture
def made(made_sets, root):
    """The folder of the data sets with all made files in it."""
    bring(made_sets, root, "rlla_4k", "api_bank")
    return root


def rows(path):
    return pq.read_table(path).to_pylist()


def test_every_file_is_made_in_its_place_with_verl_s_columns(made):
    reports = [*prepare_named("rlla_4k", made).reports, *prepare_named("api_bank", made).reports]
    assert [report.destination for report in reports] == [
        recipe.path(made) for recipe in RECIPES if recipe.name.startswith(("rlla_4k/", "api_bank/"))
    ]
    assert [(report.read, report.written) for report in reports] == [(10, 10), (4, 4), (8, 6), (12, 12)]
    schemas = {path.stem: pq.read_schema(path) for path in made.glob("*/*.parquet")}
    assert schemas.pop("sft") == SFT_SCHEMA
    assert sorted(schemas) == ["test", "train", "validation"] and all(schema == SCHEMA for schema in schemas.values())


def test_training_and_validation_files_can_be_read_as_one(made, tmp_path):
    reports = [*prepare_named("rlla_4k/test", made).reports, *prepare_named("api_bank", made).reports]
    files = [str(report.destination) for report in reports]
    together = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    assert len(together) == 16 and set(together["ability"]) == {"tool_calling"}
    for row in together:
        scores = compute_score(
            row["data_source"], "", row["reward_model"]["ground_truth"], row["extra_info"]
        )  # as verl calls it
        assert ("strict_correct" in scores) == row["data_source"].startswith("api_bank/")


def test_the_same_input_gives_the_same_bytes(made):
    def contents():
        prepare_named("rlla_4k", made)
        prepare_named("api_bank", made)
        return {path.name: path.read_bytes() for path in made.glob("*/*.parquet")}

    first = contents()
    assert len(first) == 4 and contents() == first


def test_bad_demonstrations_and_leaks_are_named(made):
    [report] = prepare_named("rlla_4k/sft", made).reports
    assert [problem.row for problem in report.dropped] == [2, 5]
    assert "mentions <tool_call>" in report.dropped[0].reason and "test row 1" in report.dropped[1].reason
    assert [row["extra_info"]["index"] for row in rows(report.destination)] == [0, 1, 3, 4, 6, 7]


def test_without_the_test_split_leaks_are_said_not_to_have_been_looked_for(made):
    find_members(["rlla_4k/test"])[0].path(made).unlink()
    [report] = prepare_named("rlla_4k/sft", made).reports
    assert [problem.row for problem in report.dropped] == [2]
    assert "rlla_4k/test is not here" in report.notes[0]


def test_what_is_absent_is_named_and_the_rest_is_made(made):
    find_members(["rlla_4k/train"])[0].path(made).unlink()
    outcome = prepare_named("rlla_4k", made)
    assert [report.destination.name for report in outcome.reports] == ["test.parquet", "sft.parquet"]
    assert outcome.skipped == ("rlla_4k/train.parquet needs rlla_4k/train; run `gd2po data get rlla_4k/train`",)
    with pytest.raises(DataError, match=r"not made: .*gd2po data get rlla_4k/train"):
        prepare_named("rlla_4k/train", made)


def test_a_benchmark_is_made_of_all_its_levels_or_not_at_all(made):
    find_members(["api_bank/lv2"])[0].path(made).unlink()
    with pytest.raises(DataError, match=r"validation\.parquet needs api_bank/lv2"):
        prepare_named("api_bank", made)
    assert not (made / "api_bank" / "validation.parquet").exists()


def test_a_changed_file_is_not_used(made):
    path = find_members(["rlla_4k/test"])[0].path(made)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"raw/test\.parquet has sha256 .*expected sha256"):
        prepare_named("rlla_4k", made)


def test_a_destination_is_for_one_file(made, tmp_path):
    [report] = prepare_named("rlla_4k/test", made, tmp_path / "elsewhere.parquet").reports
    assert report.destination == tmp_path / "elsewhere.parquet" and check_parquet(report.destination) == []
    with pytest.raises(DataError, match=r"3 files.*name one of rlla_4k/train, rlla_4k/test, rlla_4k/sft"):
        prepare_named("rlla_4k", made, tmp_path / "elsewhere.parquet")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("api_bank/lv1", "gd2po data prepare api_bank"),
        ("hh_rlhf/helpful_pairs", "is used as published"),
        ("rlla_4k/tets", r"Did you mean 'rlla_4k/test'\?"),
    ],
)
def test_other_names_get_a_hint(root, name, says):
    with pytest.raises(DataError, match=says):
        prepare_named(name, root)


def test_an_interrupted_write_leaves_the_old_file(made, monkeypatch):
    [report] = prepare_named("rlla_4k/test", made).reports
    before = report.destination.read_bytes()

    def fail(table, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        prepare_named("rlla_4k/test", made)
    assert report.destination.read_bytes() == before
    assert [path.name for path in (made / "rlla_4k").iterdir() if path.is_file()] == ["test.parquet"]


# -- The real files ----------------------------------------------------------------------------------------------------


def test_the_published_test_split(published_rlla, root):
    bring(published_rlla, root, "rlla_4k/test")
    [report] = prepare_named("rlla_4k/test", root).reports
    assert (report.read, report.written) == (80, 80) and report.kinds == {"tool calls": 71, "answers": 9}
    published = rows(find_members(["rlla_4k/test"])[0].path(root))
    assert {row["ability"] for row in published} == {"math"}
    assert rows(report.destination) == [row | {"ability": "tool_calling"} for row in published]


def test_the_published_demonstrations(published_rlla, root):
    bring(published_rlla, root, "rlla_4k/sft", "rlla_4k/test")
    [report] = prepare_named("rlla_4k/sft", root).reports
    assert (report.read, report.written) == (400, 382) and report.kinds == {"tool calls": 328, "answers": 54}
    assert [problem.row for problem in report.dropped] == sorted([*TAGS_IN_THOUGHT, 393])
    assert report.dropped[-1].reason.startswith("its prompt is that of test row 42")
    published = json.loads((published_rlla / "rlla_sft.json").read_bytes())
    for row in rows(report.destination):
        raw = published[row["extra_info"]["index"]]
        assert [message["content"] for message in row["messages"]] == [raw["instruction"], raw["input"], raw["output"]]


def test_the_published_benchmark(published_api_bank, root):
    bring(published_api_bank, root, "api_bank")
    [report] = prepare_named("api_bank", root).reports
    assert report.kinds == API_BANK_ROWS and report.read == report.written == 597
    by_place = {(row["extra_info"]["split"], row["extra_info"]["index"]): row for row in rows(report.destination)}
    for level, count in API_BANK_ROWS.items():
        items = json.loads((published_api_bank / f"level-{level[-1]}-api_processed.json").read_bytes())
        assert len(items) == count
        for index, item in enumerate(items):
            row = by_place[level, index]
            assert row["data_source"] == f"api_bank/{level}"
            assert [message["content"] for message in row["prompt"]] == [item["system"], item["user"]]
            assert json.loads(row["reward_model"]["ground_truth"]) == item["answer"]
            assert row["extra_info"]["instruction"] == item["system"] and row["extra_info"]["input"] == item["user"]
            assert row["extra_info"]["output"] == row["reward_model"]["ground_truth"]
