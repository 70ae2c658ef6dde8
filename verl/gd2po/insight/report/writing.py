"""From runs to a page and PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gd2po.insight import page
from gd2po.insight.charts import style_of
from gd2po.insight.report import tables
from gd2po.insight.report.curves import POINTS, bin_width, last_step
from gd2po.insight.report.drawing import Pictures
from gd2po.insight.report.run import SHOWN_CONFLICTS, Run
from gd2po.insight.report.sections import sections
from gd2po.insight.report.series import Series, group
from gd2po.insight.report.trackers import ReportError

_DASH_NAMES = {"--": "dashed", ":": "dotted"}


@dataclass(frozen=True)
class Written:
    """The files that a report has become.

    Attributes:
        charts: The PNG files.
        notes: What is left out; the page says so too.
    """

    charts: tuple[Path, ...]
    notes: tuple[str, ...]


def write_report(runs: Sequence[Run], output: Path, png: Path | None = None) -> Written:
    """Write the page, and each chart as a file.

    Args:
        runs: The runs; those without a finished step are left out.
        output: The file of the page, which is replaced at once.
        png: The folder for the charts as files, None for none.

    Raises:
        ReportError: no run has a finished step.
    """
    begun = [run for run in runs if run.last_step]
    if not begun:
        raise ReportError(
            f"{', '.join(str(run.folder) for run in runs)}: no finished step in tensorboard/ or metrics*.jsonl. Where "
            "the training has just begun, wait with --watch; where it has got further, its trainer.logger has neither "
            "tensorboard nor file, or they write elsewhere (TENSORBOARD_DIR, VERL_FILE_LOGGER_PATH)"
        )
    series, pictures = group(begun), Pictures(png)
    notes = (*(f"{run.folder}: no finished step; left out" for run in runs if not run.last_step), *tables.notes(series))
    page.write(to_html(series, pictures, notes), output)
    return Written(tuple(pictures.written), notes)


def to_html(series: Sequence[Series], pictures: Pictures, notes: Sequence[str]) -> str:
    """The page; every text is escaped."""
    return page.render(
        "report/page.html.jinja",
        " · ".join(member.label for member in series),
        written=_written(series),
        notes=notes,
        results=tables.results(series),
        one_seed=_one_seed(series),
        series=[_in_legend(member) for member in series],
        sections=sections(series, pictures),
        conflicts=tables.conflicts(series, SHOWN_CONFLICTS),
        shown=SHOWN_CONFLICTS,
        runs=tables.runs(series),
        differences=tables.differing_settings(series),
        settings=tables.all_settings(series),
    )


def _in_legend(member: Series) -> dict[str, object]:
    return {
        "label": member.label,
        "number": member.number,
        "dash": _DASH_NAMES.get(style_of(member.number)[1], ""),
    }


def _written(series: Sequence[Series]) -> str:
    """When, of what, and how to read the curves."""
    runs = [run for member in series for run in member.runs]
    width = bin_width(last_step(series))
    sentences = [
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, {len(runs)} run{'s' * (len(runs) > 1)} at step "
        f"{', '.join(str(run.last_step) for run in runs)}.",
        "Curves are the mean over the runs of a series, bands go from the smallest run to the largest.",
    ]
    if any(len({run.last_step for run in member.runs}) > 1 for member in series):
        sentences.append("A thin line is a run that is further than others of its series.")
    if width > 1:
        sentences.append(f"Each point is the mean of {width} steps, for {POINTS} points at most.")
    return " ".join(sentences)


def _one_seed(series: Sequence[Series]) -> str:
    single = [member.label for member in series if len(member.runs) == 1]
    if len(series) == 1 or not single:
        return ""
    return f"A difference to a series of one run ({', '.join(single)}) may be of its seed."
