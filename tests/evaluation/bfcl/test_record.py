"""A result folder belongs to one evaluation at a time, and knows the time spent."""

import json

import pytest

from gd2po.evaluation.bfcl.record import RECORD, open_record
from gd2po.evaluation.results import ResultError

SETTINGS = {"categories": ("multiple",), "decoding": {"temperature": 0.0}}


def test_the_same_evaluation_goes_on_and_time_adds_up(tmp_path):
    with open_record(tmp_path, SETTINGS) as first:
        started = first.started
    record = json.loads((tmp_path / RECORD).read_text())
    record["sittings"][0]["seconds"] = 100.0
    (tmp_path / RECORD).write_text(json.dumps(record))
    with open_record(tmp_path, SETTINGS) as second:
        assert second.started == started and second.seconds == pytest.approx(100, abs=5)


def test_another_evaluation_is_refused_and_the_difference_named(tmp_path):
    with open_record(tmp_path, SETTINGS):
        pass
    with (
        pytest.raises(ResultError, match=r"categories was \['multiple'\], is \['parallel'\]"),
        open_record(tmp_path, SETTINGS | {"categories": ("parallel",)}),
    ):
        pass


def test_two_at_once_are_refused(tmp_path):
    with (
        open_record(tmp_path, SETTINGS),
        pytest.raises(ResultError, match="another process"),
        open_record(tmp_path, SETTINGS),
    ):
        pass


def test_an_interruption_keeps_the_record(tmp_path):
    with pytest.raises(KeyboardInterrupt), open_record(tmp_path, SETTINGS):
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / RECORD).read_text())["sittings"]) == 1
