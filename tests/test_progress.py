"""Progress on a terminal and in a log."""

import io
import re
import time

from rich.console import Console

from gd2po.progress import Progress


def test_without_a_terminal_there_is_a_line_every_few_seconds():
    written = io.StringIO()
    with Progress(Console(file=written, width=200), line_seconds=0.01) as progress:
        progress.begin("thinking", 3)
        progress.update(1)
        while "thinking: 1 of 3" not in written.getvalue():
            time.sleep(0.01)
        progress.update(3)
    assert re.search(r"\[ +0 s\] thinking: 3 of 3\n", written.getvalue())


def test_on_a_terminal_there_are_bars():
    written = io.StringIO()
    with Progress(Console(file=written, width=100, force_terminal=True)) as progress:
        progress.begin("thinking", 2)
        progress.update(2, "resting")
        progress.tell("a sentence")
    assert "resting" in written.getvalue() and "2/2" in written.getvalue() and "a sentence" in written.getvalue()
