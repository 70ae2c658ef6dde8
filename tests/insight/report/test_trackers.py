"""Metrics come from files that grow, end in the middle, break, and tell the same steps twice."""

import json
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from gd2po.insight.report.trackers import EventFile, MetricLines, Metrics


def log(folder: Path, *steps: int, value: float = 1.0) -> Path:
    """An event file of one start, and where it is."""
    before = set(folder.glob("*"))
    writer = SummaryWriter(str(folder), filename_suffix=f".{len(before)}")
    for step in steps:
        writer.add_scalar("reward/a/mean", value, step)
    writer.close()
    return (set(folder.glob("*")) - before).pop()


def line(step: int, **data: object) -> str:
    return json.dumps({"step": step, "data": data}) + "\n"


def test_events_are_read_on_from_where_they_were_left(tmp_path):
    whole = log(tmp_path, 1, 2, 3).read_bytes()
    growing = tmp_path / "growing"
    growing.write_bytes(b"")
    file, seen = EventFile(growing), []
    for end in range(0, len(whole) + 7, 7):
        growing.write_bytes(whole[:end])
        file.read_on()
        seen.append(len(file.steps))
    assert sorted(set(seen)) == [0, 1, 2, 3] and seen == sorted(seen)
    assert file.steps == {step: {"reward/a/mean": 1.0} for step in (1, 2, 3)}
    assert file.damage == ""


def test_a_damaged_event_ends_the_file_and_is_named(tmp_path):
    path = log(tmp_path, 1, 2, 3)
    content = bytearray(path.read_bytes())
    content[-10] ^= 0xFF
    path.write_bytes(content)
    file = EventFile(path)
    file.read_on()
    file.read_on()
    assert list(file.steps) == [1, 2]
    assert str(path) in file.damage and "left out" in file.damage


def test_values_that_are_not_finite_are_gaps(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, a=1.0, b=None, c="text", d=float("nan"), e=True))
    file = MetricLines(path)
    file.read_on()
    assert file.steps == {1: {"a": 1.0, "e": 1.0}}


def test_a_line_counts_when_it_is_complete(tmp_path):
    path = tmp_path / "metrics.jsonl"
    text = line(1, a=1) + line(2, a=2)
    path.write_text(text[:-5])
    file = MetricLines(path)
    file.read_on()
    assert file.steps == {1: {"a": 1.0}}
    path.write_text(text)
    file.read_on()
    assert file.steps == {1: {"a": 1.0}, 2: {"a": 2.0}} and file.damage == ""


def test_a_file_written_anew_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, a=1) + line(2, a=2))
    file = MetricLines(path)
    file.read_on()
    path.write_text(line(1, a=5) + line(2, a=6) + line(3, a=7))
    file.read_on()
    assert file.steps == {1: {"a": 5.0}, 2: {"a": 6.0}, 3: {"a": 7.0}}


@pytest.mark.parametrize("bad", ["{", "[]", '{"step": 1}', '{"step": "x", "data": {}}', '{"step": 1, "data": 3}'])
def test_lines_that_are_none_are_counted(tmp_path, bad):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, a=1) + bad + "\n" + line(2, a=2))
    file = MetricLines(path)
    file.read_on()
    assert list(file.steps) == [1, 2]
    assert file.damage == f"{path}: 1 lines cannot be read and are left out"


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path):
    (tmp_path / "metrics_1.jsonl").write_text("".join(line(step, a=step, b=1) for step in range(1, 9)))
    (tmp_path / "metrics_2.jsonl").write_text(line(5, val=9) + line(6, a=60))
    steps = Metrics(tmp_path).read_on()
    assert list(steps) == [1, 2, 3, 4, 5, 6]
    assert steps[5] == {"a": 5.0, "b": 1.0, "val": 9.0}
    assert steps[6] == {"a": 60.0}


def test_event_files_of_several_starts_are_one_run_and_the_later_value_counts(tmp_path):
    log(tmp_path, 1, 2, 3, value=1.0)
    log(tmp_path, 3, 4, value=2.0)
    steps = Metrics(tmp_path).read_on()
    assert {step: values["reward/a/mean"] for step, values in steps.items()} == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0}


def test_the_file_logger_adds_to_tensorboard_and_wins(tmp_path):
    log(tmp_path / "tensorboard", 1, 2, value=0.1)
    (tmp_path / "metrics.jsonl").write_text(line(2, **{"reward/a/mean": 0.1, "other": 3}))
    steps = Metrics(tmp_path).read_on()
    assert steps[2] == {"reward/a/mean": 0.1, "other": 3.0}
    assert steps[1]["reward/a/mean"] == pytest.approx(0.1, abs=1e-7)
