"""`gd2po data` from the download to the parquet files, with made files behind the catalogue."""

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.data import catalogue


@pytest.fixture
def run(tmp_path, monkeypatch, no_waiting):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_the_licence_stands_before_the_first_byte(run, serve_sets):
    serve_sets()
    shown = run("get", "rlla_4k", "api_bank")
    assert shown.exit_code == 0
    places = [
        shown.output.index(text)
        for text in ("rlla_4k, licence: No licence is stated", "api_bank, licence: Apa", "downloaded")
    ]
    assert places == sorted(places)
    assert shown.output.count("checksum right") == 6
    assert "dataset/api_bank/raw/level-3-api_processed.json: downloaded" in shown.output


def test_what_is_there_is_not_fetched_again(run, serve_sets):
    server = serve_sets()
    run("get", "api_bank")
    requests = len(server.requests)
    shown = run("get", "api_bank")
    assert shown.exit_code == 0 and shown.output.count("was there already") == 3
    assert len(server.requests) == requests == 3


def test_one_failure_does_not_keep_the_others_away(run, serve_sets, tmp_path):
    server = serve_sets()
    missing = next(path for path in server.files if path.endswith("/rlla_4k/test.parquet"))
    del server.files[missing]
    shown = run("get", "rlla_4k")
    assert shown.exit_code == 2
    assert "/test.parquet cannot be fetched: the server answers 404" in shown.output
    assert "1 of 3 files could not be fetched: rlla_4k/test" in shown.output
    assert sorted(path.name for path in (tmp_path / "dataset/rlla_4k/raw").iterdir()) == [
        "rlla_sft.json",
        "train.parquet",
    ]


def test_trouble_on_the_way_is_shown(run, serve_sets):
    server = serve_sets()
    server.statuses = [503]
    shown = run("get", "api_bank/lv1")
    assert shown.exit_code == 0
    assert "api_bank/lv1: the server answers 503 Service Unavailable; next attempt in 1 s" in shown.output


def test_a_machine_without_a_network(run, made_sets, tmp_path):
    (made_sets / "rlla_4k" / "train.parquet").unlink()
    shown = run("get", "rlla_4k", "--from", made_sets, "--to", "elsewhere")
    assert shown.exit_code == 2 and "1 of 3 files could not be fetched: rlla_4k/train" in shown.output
    assert f"{made_sets} holds no train.parquet with git-blob" in shown.output
    assert (tmp_path / "elsewhere/rlla_4k/raw/test.parquet").is_file()
    assert run("verify", "rlla_4k/test", "--in", "elsewhere").exit_code == 0
    assert run("get", "rlla_4k", "--from", tmp_path / "nowhere").exit_code == 2


def test_a_folder_that_cannot_be_written_is_a_message(run, made_sets, tmp_path):
    (tmp_path / "dataset").write_text("a file in the way")
    shown = run("get", "rlla_4k/test", "--from", made_sets)
    assert shown.exit_code == 2 and "rlla_4k/test: [Errno" in shown.output


def test_verify_names_what_is_wrong(run, made_sets, tmp_path):
    run("get", "api_bank", "--from", made_sets)
    assert run("verify", "api_bank").exit_code == 0
    (tmp_path / "dataset/api_bank/raw/level-1-api_processed.json").unlink()
    (tmp_path / "dataset/api_bank/raw/level-2-api_processed.json").write_text("[]")
    shown = run("verify", "api_bank")
    assert shown.exit_code == 2
    words = " ".join(shown.output.split())
    assert words.startswith("no api_bank/lv1 absent; run `gd2po data get api_bank/lv1` no api_bank/lv2 has sha256")
    of_empty_list = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    assert of_empty_list in words.replace(" ", "")
    assert words.endswith("ok api_bank/lv3 5 rows, sha256 right")


def test_a_set_is_prepared_from_what_is_here(run, made_sets, tmp_path, monkeypatch):
    run("get", "rlla_4k/test", "rlla_4k/sft", "--from", made_sets)
    shown = run("prepare", "rlla_4k")
    assert shown.exit_code == 0
    assert "dataset/rlla_4k/test.parquet: 4 of 4 rows" in shown.output
    assert "left out row 2: its thought mentions <tool_call>" in shown.output
    assert "left out row 5: its prompt is that of test row 1" in shown.output
    assert "dataset/rlla_4k/sft.parquet: 6 of 8 rows" in shown.output
    assert "not made: rlla_4k/train.parquet needs rlla_4k/train; run `gd2po data get rlla_4k/train`" in shown.output
    assert run("prepare", "rlla_4k/train").exit_code == 2
    monkeypatch.setenv("COLUMNS", "120")
    listed = {line.split()[0]: line.split()[-1] for line in run("list").output.splitlines()[1:]}
    assert len(listed) == sum(len(data_set.members) for data_set in catalogue.DATA_SETS)
    assert [name for name, here in listed.items() if here == "yes"] == [
        "rlla_4k/test",
        "rlla_4k/sft",
    ]
    assert set(listed.values()) == {"yes", "no"}


def test_non_commercial_terms_are_shown_before_anything_is_brought(run, made_sets):
    shown = run("get", "alpaca", "hh_rlhf", "pku_saferlhf", "--from", made_sets)
    assert shown.exit_code == 0 and shown.output.count("checksum right") == 6
    assert shown.output.count("NON-COMMERCIAL USE ONLY") == 2
    assert shown.output.index("pku_saferlhf, licence: CC-BY-NC-4.0") < shown.output.index("copied")
    prepared = run("prepare", "hh_rlhf")
    assert "dataset/hh_rlhf/test.parquet: 3 of 3 rows (2 dialogues, 1 questions)" in prepared.output


def test_several_sets_are_prepared_by_one_command(run, made_sets, tmp_path):
    run("get", "alpaca", "hh_rlhf", "pku_saferlhf", "--from", made_sets)
    prepared = run("prepare", "alpaca", "hh_rlhf/test", "pku_saferlhf")
    assert prepared.exit_code == 0
    for name in ("alpaca/train", "alpaca/test", "hh_rlhf/test", "pku_saferlhf/test"):
        assert f"dataset/{name}.parquet: " in prepared.output
        assert (tmp_path / "dataset" / f"{name}.parquet").is_file()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("alpaca", "hh_rlhv"), "hh_rlhv is neither a file nor a data set"),
        (("alpaca/test", "hh_rlhf", "out.parquet"), "out.parquet is one file, but 2 data sets are named"),
        (("mine.json", "alpaca", "out.parquet"), "mine.json is no data set"),
    ],
)
def test_names_that_do_not_go_together_are_refused_before_anything_is_written(run, made_sets, tmp_path, names, said):
    run("get", "alpaca", "hh_rlhf", "--from", made_sets)
    refused = run("prepare", *names)
    assert refused.exit_code == 2 and said in " ".join(refused.output.split())
    written = [path for path in (tmp_path / "dataset").rglob("*.parquet") if path.parent.name != "raw"]
    assert written == [] and not (tmp_path / "out.parquet").exists()
