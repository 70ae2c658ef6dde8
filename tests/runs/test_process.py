"""A trainer in a process of its own: followed while it runs, and gone when it is stopped."""

import os
import signal
import sys
import time

import pytest

from gd2po.runs.process import TrainingError, failure, read_steps, run


def test_its_output_and_exit_code_are_kept_and_it_is_watched(tmp_path):
    program = "import os, sys, time; print(os.environ['MARK']); time.sleep(0.7); sys.exit(3)"
    looks = []
    code = run([sys.executable, "-c", program], tmp_path / "log.txt", {"MARK": "set"}, lambda: looks.append(1))
    assert code == 3 and looks
    assert (tmp_path / "log.txt").read_text() == "set\n"


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_and_what_it_started(tmp_path, kind):
    before = signal.getsignal(signal.SIGTERM)
    child = "import time; time.sleep(600)"
    program = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); print(p.pid, flush=True)"
    )

    def interrupt() -> None:
        if (tmp_path / "log.txt").read_text():
            signal.raise_signal(kind)

    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", f"{program}; p.wait()"], tmp_path / "log.txt", {}, interrupt)
    assert signal.getsignal(signal.SIGTERM) is before
    grandchild = int((tmp_path / "log.txt").read_text().split()[0])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(grandchild, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("its child still runs")


def test_a_line_still_being_written_is_left_for_later(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert list(read_steps(path)) == []
    path.write_text('{"step": 0, "data": {"a": 1}}\n{"step": 1, "da')
    assert list(read_steps(path)) == [{"step": 0, "data": {"a": 1}}]


def test_a_failure_shows_the_end_of_the_log(tmp_path):
    (tmp_path / "log.txt").write_text("\n".join(f"line {number}." for number in range(100)))
    error = failure("the run", 7, tmp_path / "log.txt")
    assert isinstance(error, TrainingError)
    assert str(error).startswith(f"the run ended with exit code 7; the end of {tmp_path / 'log.txt'}:\nline 75.")
    assert str(error).endswith("line 99.")
