"""Progress of long work: bars on a terminal, elsewhere a line at least every few seconds."""

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

LINE_SECONDS = 8.0
LONG_LINE_SECONDS = 30.0
"""The time between two lines where there is no terminal: of work of minutes, and of work of hours."""


class Progress:
    """Shows one activity after the other, and how far the last one is.

    Args:
        console: Where it is shown.
        line_seconds: The time between two lines where the console is no terminal.
    """

    def __init__(self, console: Console, line_seconds: float = LINE_SECONDS) -> None:
        self._console, self._line_seconds = console, line_seconds
        self._start = time.perf_counter()
        self._activity, self._completed, self._total = "starting", 0, 0
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_lines, daemon=True)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
            )
            self._bars = Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
            self._bars.start()
        else:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._bars is not None:
            self._bars.stop()
        else:
            self._thread.join()

    def tell(self, sentence: str) -> None:
        """Show a sentence that stays."""
        self._console.print(sentence, highlight=False, soft_wrap=True, markup=False)

    def begin(self, activity: str, total: int) -> None:
        """Begin an activity of so many parts."""
        self._activity, self._completed, self._total = activity, 0, total
        if self._bars is not None:
            self._task = self._bars.add_task(activity, total=total)
        else:
            self._write_line()

    def update(self, completed: int, activity: str | None = None) -> None:
        """Say how many parts are complete, and what is done now if that has changed."""
        changed = completed != self._completed
        self._completed, self._activity = completed, activity or self._activity
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=completed, description=self._activity)
        elif changed and completed == self._total:
            self._write_line()

    def _write_lines(self) -> None:
        while not self._ended.wait(self._line_seconds):
            self._write_line()

    def _write_line(self) -> None:
        seconds = time.perf_counter() - self._start
        self.tell(f"[{seconds:4.0f} s] {self._activity}: {self._completed} of {self._total}")
