"""Every start of a run leaves a line with its time, its steps and its software."""

import json
from datetime import datetime

from gd2po.runs.files import STARTS_FILE, record_start


def test_a_resumed_run_has_a_line_for_each_start(tmp_path):
    for steps in (10, 20):
        record_start(tmp_path / "run", steps)
    starts = [json.loads(line) for line in (tmp_path / "run" / STARTS_FILE).read_text().splitlines()]
    assert [start["steps"] for start in starts] == [10, 20]
    assert {"python", "gd2po", "verl", "torch"} <= starts[0]["versions"].keys()
    assert datetime.fromisoformat(starts[0]["time"]).tzinfo is not None
