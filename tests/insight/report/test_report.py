"""The command: what it writes, what it refuses, and how it follows a training."""

import json
import threading
import time

import pytest
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.insight.report import drawing, watch


def invoke(*arguments: object):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture
def page(tmp_path):
    return tmp_path / "out" / "report.html"


@pytest.fixture
def undrawn(monkeypatch):
    """Charts stay empty: it takes a tenth of a second to draw one."""
    monkeypatch.setattr(drawing, "to_svg", lambda figure, caption: "<svg></svg>")


def test_methods_and_seeds_become_one_page_and_charts(new_run, tmp_path, page):
    for seed in (1, 2):
        new_run(f"gdpo{seed}").begin("gdpo", seed).train(1, 2, 3, 4)
        new_run(f"hard{seed}").begin("gd2po", seed).train(1, 2, 3, 4, level=float(seed))
    result = invoke(tmp_path / "runs", "--output", page, "--png", tmp_path / "png")
    assert result.exit_code == 0, result.output
    text, charts = page.read_text(), sorted((tmp_path / "png").iterdir())
    assert f"and {len(charts)} charts" in result.output
    assert text.count("<svg") == len(charts) >= 20
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in charts)
    for said in ("GD²PO-Hard", "GDPO", "useful, mean score", "conflicts in the last quarter", "queries by weight",
                 "advantage scale", "emptied queries", "response length", "seconds by phase", "response 7 of step 4",
                 "step 4 of 4, ended", "algorithm.adv_estimator"):  # fmt: skip
        assert said in text, said
    assert "1.5\n1 to 2" in text
    assert "tell-nobody" not in text


def test_an_unchanged_run_gives_an_unchanged_page(new_run, tmp_path, page):
    run = new_run("a").begin().train(1, 2)
    texts = []
    for _ in range(2):
        assert invoke(run.folder, "--output", page).exit_code == 0
        texts.append([line for line in page.read_text().splitlines() if "at step" not in line])
    assert texts[0] == texts[1]


@pytest.mark.usefixtures("undrawn")
def test_software_and_starts_are_named(new_run, page):
    run = new_run("a").begin().train(1)
    run.started("2026-01-01T10:00:00+00:00", 4, verl="0.9.0")
    run.started("2026-01-02T10:00:00+00:00", 4, verl="0.9.1")
    invoke(run.folder, "--output", page)
    assert "verl 0.9.0; then verl 0.9.1" in page.read_text()
    assert "2026-01-01T10:00:00+00:00, 2026-01-02T10:00:00+00:00" in page.read_text()


@pytest.mark.usefixtures("undrawn")
def test_what_cannot_be_read_is_named_in_the_page(new_run, page):
    run = new_run("a").begin().train(1)
    with (run.folder / "metrics_1.jsonl").open("a") as file:
        file.write("garbage\n")
    (run.folder / "tensorboard").mkdir()
    (run.folder / "tensorboard" / "events.out.tfevents.1.host").write_bytes(b"no events, but long enough to be some")
    result = invoke(run.folder, "--output", page)
    assert result.exit_code == 0, result.output
    assert "metrics_1.jsonl: 1 lines cannot be read" in page.read_text()
    assert "tfevents.1.host: an event cannot be read" in page.read_text()


@pytest.mark.usefixtures("undrawn")
def test_one_seed_and_equal_seeds_are_cautioned_about(new_run, tmp_path, page):
    new_run("a").begin("gdpo").train(1)
    new_run("b").begin("gd2po").train(1)
    new_run("c").begin("gd2po").train(1)
    invoke(tmp_path / "runs", "--output", page)
    assert "a series of one run (GDPO)" in page.read_text()
    assert "GD²PO-Hard: seed 1 comes 2 times" in page.read_text()


def test_a_run_without_our_records_still_has_a_page(new_run, page):
    run = new_run("plain")
    data = {
        "critic/score/mean": 0.5,
        "timing_s/step": 3.0,
        "val-core/gsm8k/reward/mean@1": 0.1,
        "response_length/mean": 9,
    }
    (run.folder / "metrics.jsonl").write_text(json.dumps({"step": 1, "data": data}) + "\n")
    result = invoke(run.folder, "--output", page)
    assert result.exit_code == 0, result.output
    assert "reward on gsm8k, mean of 1 answers" in page.read_text()
    assert "strongest conflict" not in page.read_text()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nowhere", "is not there; expected a folder of a run"),
        ("file", "is no folder"),
        ("empty", "is no run and none lies right below it"),
        ("begun", "no finished step in tensorboard/ or metrics*.jsonl"),
    ],
)
def test_what_is_no_finished_run_is_refused(new_run, tmp_path, page, what, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    new_run("begun").begin()
    (tmp_path / "begun").symlink_to(tmp_path / "runs" / "begun")
    result = invoke(tmp_path / what, "--output", page)
    assert result.exit_code == 2 and message in result.output
    assert not page.exists()


@pytest.mark.usefixtures("undrawn")
def test_watch_writes_the_page_whenever_there_is_more_until_the_run_has_ended(new_run, page):
    run, said = new_run("a").begin(steps=3), []
    thread = threading.Thread(target=watch, args=([run.folder], page, None, 0.05, said.append), daemon=True)
    thread.start()
    for step, line in enumerate(["a: step 0 of 3", "a: step 1 of 3", "a: step 2 of 3", "a: step 3 of 3"]):
        if step:
            run.train(step)
        _wait_until(lambda line=line: line in said)
        assert page.exists() is (step > 0)
    thread.join(30)
    assert not thread.is_alive()
    assert said == [f"a: step {step} of 3" for step in range(4)]
    assert "step 3 of 3, ended" in page.read_text()


@pytest.mark.usefixtures("undrawn")
def test_watch_ends_at_ctrl_c(new_run, page, monkeypatch):
    run = new_run("a").begin(steps=9).train(1)

    def interrupt(seconds: float) -> None:
        assert seconds == 30
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    result = invoke(run.folder, "--output", page, "--watch")
    assert result.exit_code == 0
    assert "a: step 1 of 9" in result.output and "stays as it is" in result.output
    assert page.exists()


def _wait_until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_missing_package_is_named(new_run, page, monkeypatch):
    run = new_run("a").begin().train(1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tensorboard" else name)
    result = invoke(run.folder, "--output", page)
    assert result.exit_code == 2 and "pip install tensorboard" in result.output


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_has_just_begun_is_left_out_and_named(new_run, tmp_path, page):
    new_run("begun").begin("gdpo")
    new_run("further").begin().train(1)
    result = invoke(tmp_path / "runs", "--output", page)
    assert result.exit_code == 0 and "begun: no finished step; left out" in result.output
    assert "begun: no finished step; left out" in page.read_text()


def test_a_group_filter_has_its_own_charts(new_run, page, tmp_path):
    counts = {
        "filter_groups__evicted_without_vote": 2.0,
        "filter_groups__evicted_masked": 1.0,
        "filter_groups__evicted_with_vote": 0.0,
        "filter_groups__kept_without_vote": 0.0,
        "filter_groups__refilled": 3.0,
    }
    run = new_run("a").begin()
    run.log(1, 2, **counts)
    assert invoke(run.folder, "--output", page, "--png", tmp_path / "png").exit_code == 0
    text = page.read_text()
    assert "GD²PO-Hard: groups of each step" in text and "prompts generated in place of evicted groups" in text
    for part, shown in (
        ("kept, with a vote", True),
        ("evicted, no vote", True),
        ("evicted, all votes masked", True),
        ("kept, without a vote", False),
        ("evicted, with a vote", False),
    ):
        assert (f">{part}<" in text) == shown, part


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_a_group_filter_has_no_such_section(new_run, page):
    invoke(new_run("a").begin().train(1).folder, "--output", page)
    assert "Group filter" not in page.read_text()
