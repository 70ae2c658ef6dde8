"""The charts of a report: each once in the page and, on demand, once as a PNG file; and the kinds that there are."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from gd2po.insight.charts import TEXT, page_figure, style_of, to_png, to_svg
from gd2po.insight.report.curves import Curve, Floats
from gd2po.insight.report.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STRONGEST = 0.75
"""Opacity of the fullest cell of a heat map; numbers on it stay readable."""

_LONGEST = 28
"""Characters of a name at a chart."""

_FEW = 25
"""Up to so many points a curve has marks."""

WIDTH, HEIGHT = 4.8, 2.6
"""Inches of a chart."""

_NAME_LENGTH = 60


@dataclass(frozen=True)
class Picture:
    """A chart in the page."""

    caption: str
    svg: Markup


class Pictures:
    """Draws charts.

    Attributes:
        written: The PNG files, in order.
    """

    def __init__(self, folder: Path | None) -> None:
        """
        Args:
            folder: The folder for PNG files, None for none.
        """
        self._folder = folder
        self.written: list[Path] = []

    def draw(self, caption: str, draw: Callable[["Figure"], None], height: float = HEIGHT) -> Picture:
        """A chart that ``draw`` draws; the page has its caption and the legend of its series outside of it."""
        with page_figure(WIDTH, height) as figure:
            draw(figure)
            picture = Picture(caption, to_svg(figure, caption))
            if self._folder is not None:
                self._write(figure, caption, self._folder)
        return picture

    def _write(self, figure: "Figure", caption: str, folder: Path) -> None:
        figure.suptitle(caption, fontsize="medium")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if handles and not figure.legends:
            figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
        path = folder / f"{len(self.written) + 1:02d}-{_file_name(caption)}.png"
        to_png(figure, path)
        self.written.append(path)


def lines(figure: "Figure", curves: Mapping[Series, Curve], share: bool, zero_line: bool = False) -> None:
    """A line per series, a band from its smallest to its largest run.

    Args:
        figure: The figure to draw in.
        curves: The curve of each series.
        share: Whether the values are shares of 1.
        zero_line: Whether 0 is drawn as a line, and shown in any case.
    """
    axes = _axes(figure)
    for series, curve in curves.items():
        colour, dash = style_of(series.number)
        marker = "o" if len(curve.steps) <= _FEW else ""
        look: dict[str, Any] = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 3}
        axes.plot(curve.steps, curve.mean, label=series.label, linewidth=1.6, **look)
        for steps, values in curve.alone:
            axes.plot(steps, values, linewidth=0.7, **look | {"marker": ""})
        if len(series.runs) > 1:
            axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    if share:
        _shares(axes)
    if zero_line:
        axes.axhline(0, color=TEXT, linewidth=0.8)
    axes.margins(x=0.02)
    axes.grid(linewidth=0.6)


def stacked(figure: "Figure", steps: Floats, parts: Mapping[str, Floats], unit: str) -> None:
    """Parts of a whole on each other, in a unit, with a legend."""
    axes = _axes(figure)
    rows, colours = np.array(list(parts.values())), [style_of(place)[0] for place in range(len(parts))]
    axes.stackplot(steps, rows, labels=list(parts), colors=colours, alpha=0.8, step="mid")
    axes.margins(x=0)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(unit)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")


def heat(
    figure: "Figure", steps: Floats, rows: Sequence[str], values: Floats, width: int, number: int, full: float
) -> None:
    """Values [rows, steps] as opacity of a series' colour, ``full`` at the fullest; the first row is at the top.

    A cell is ``width`` steps wide.
    """
    axes = _axes(figure)
    for place, row in enumerate(values):
        for step, value in zip(steps, row, strict=True):
            _cell(axes, step - width / 2, place, width, value / full, number)
    axes.set_xlim(steps[0] - width / 2, steps[-1] + width / 2)
    _rows(axes, rows)


def matrix(figure: "Figure", names: Sequence[str], values: Floats, number: int, full: float) -> None:
    """Shares [names, names], written into their cells; NaN is left empty."""
    axes = _axes(figure)
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            _cell(axes, column - 0.5, row, 1, value / full, number)
            axes.text(column, row, f"{value:.0%}", ha="center", va="center")
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xticks(range(len(names)), [_short(name) for name in names])
    axes.set_xlabel("")
    _rows(axes, names)


def _axes(figure: "Figure") -> "Axes":
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("step")
    return axes


def _shares(axes: "Axes") -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _cell(axes: "Axes", left: float, row: int, width: float, opacity: float, number: int) -> None:
    """One cell of a heat map; nothing where ``opacity`` is 0 or NaN."""
    from matplotlib.patches import Rectangle

    if opacity > 0:
        look: dict[str, Any] = {"facecolor": style_of(number)[0], "alpha": _STRONGEST * opacity, "linewidth": 0}
        axes.add_patch(Rectangle((left, row - 0.5), width, 1, **look))


def _rows(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _file_name(caption: str) -> str:
    plain = unicodedata.normalize("NFKD", caption.partition("(")[0]).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_NAME_LENGTH]
