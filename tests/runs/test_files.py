"""Every start of a run leaves a line with its time, its steps and its software."""

import json
from datetime import datetime

import pytest

from gd2po.errors import SettingsError
from gd2po.runs.files import SETTINGS_FILE, STARTS_FILE, load_settings, record_start


def test_a_resumed_run_has_a_line_for_each_start(tmp_path):
    for steps in (10, 20):
        record_start(tmp_path / "run", steps)
    starts = [json.loads(line) for line in (tmp_path / "run" / STARTS_FILE).read_text().splitlines()]
    assert [start["steps"] for start in starts] == [10, 20]
    assert {"python", "gd2po", "verl", "torch"} <= starts[0]["versions"].keys()
    assert datetime.fromisoformat(starts[0]["time"]).tzinfo is not None


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "is not JSON"), ("[" * 100_000, "is not JSON"), ("[1]", "holds list")]
)
def test_settings_that_are_none_are_named(tmp_path, text, reason):
    assert load_settings(tmp_path) == {}
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(SettingsError, match=rf"{SETTINGS_FILE} {reason}"):
        load_settings(tmp_path)
