"""A page about runs of verl with gd2po, written from what they leave in their folders: after training, or during it."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gd2po.insight.report.run import find_runs
from gd2po.insight.report.trackers import ReportError
from gd2po.insight.report.writing import Written, write_report

_PACKAGES = ("matplotlib", "omegaconf", "tensorboard")

__all__ = ["ReportError", "Written", "report", "watch"]


def report(folders: Sequence[Path], output: Path, png: Path | None = None) -> Written:
    """Write a page about runs as they stand.

    Args:
        folders: Folders of runs, or folders right above runs.
        output: The file of the page.
        png: The folder for the charts as PNG files, None for none.

    Raises:
        ReportError: a folder is no run, no run has a finished step, or a package is missing.
    """
    _require()
    return write_report([folder.read_on() for folder in find_runs(folders)], output, png)


def watch(folders: Sequence[Path], output: Path, png: Path | None, seconds: float, say: Callable[[str], None]) -> None:
    """Write the page whenever a run has got further, until all have ended.

    Args:
        folders: Folders as in :func:`report`.
        output: The file of the page.
        png: A folder as in :func:`report`.
        seconds: The seconds between two looks at the folders.
        say: The function that gets a line whenever there is something new.

    Raises:
        ReportError: a folder is no run, or a package is missing.
    """
    _require()
    followed, last_line = find_runs(folders), ""
    while True:
        runs = [folder.read_on() for folder in followed]
        line = ", ".join(f"{run.folder.name}: {run.progress}" for run in runs)
        if line != last_line:
            if any(run.last_step for run in runs):
                write_report(runs, output, png)
            say(line)
            last_line = line
        if all(run.has_ended for run in runs):
            return
        time.sleep(seconds)


def _require() -> None:
    """Refuse where a package is missing: a machine that trains has them all, a reader's machine may not."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ReportError(f"a report needs {', '.join(missing)}; run: pip install {' '.join(missing)}")
