"""matplotlib figures as SVG inside a page, in the page's colours by day and by night, or as PNG files on white.

Draw with :data:`SERIES`, :data:`TEXT` and :data:`LINE`, at any opacity. An SVG has the page's variables in
their place; a PNG keeps them.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from gd2po.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = ("#2f6fb5", "#c8552b", "#2e8b57", "#8a4fa3", "#a67c00", "#3b8c9a", "#b04a72", "#6b7280")
"""Colours of the series of a chart, by number, by day."""

NIGHT_SERIES = ("#6aa9ea", "#f0895f", "#63c48f", "#c08ad8", "#d9b13f", "#6cc3d1", "#e58aae", "#a5adb8")
"""The same on a dark page."""

TEXT, LINE = "#1d232b", "#d8dde3"
"""Colours of letters, and of axes and grids, by day."""

_DASHES = ("-", "--", ":")

_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # to measure with; the page shows its own
    "font.size": 10,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "grid.color": LINE,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}
_VARIABLES = {TEXT: "var(--text)", LINE: "var(--line)"} | {
    colour: f"var(--c{number})" for number, colour in enumerate(SERIES)
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_STYLE_ELEMENT = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_REFERENCE = re.compile(r"#(\w+)")
_ID = re.compile(r' id="([^"]+)"')


def style_of(number: int) -> tuple[str, str]:
    """Colour and dash of a series, by number."""
    return SERIES[number % len(SERIES)], _DASHES[number // len(SERIES) % len(_DASHES)]


@contextmanager
def page_figure(width: float, height: float) -> Iterator["Figure"]:
    """A figure of so many inches in the style of a page; closed at the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = pyplot.figure(figsize=(width, height), layout="constrained")
        try:
            yield figure
        finally:
            pyplot.close(figure)


def to_svg(figure: "Figure", description: str) -> Markup:
    """The figure as an ``<svg>`` element whose text is text and whose colours are the page's.

    Equal figures give equal text, and figures of different descriptions have different ids, so many fit into one page.

    Args:
        figure: A figure drawn in :func:`page_figure`.
        description: The alternative text.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": description}):
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    svg = _STYLE_ELEMENT.sub("", buffer.getvalue())
    # matplotlib salts the ids that are referred to, and gives the others to every figure alike.
    used = set(_REFERENCE.findall(svg))
    svg = _ID.sub(lambda match: match[0] if match[1] in used else "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    opening = Markup('<svg role="img" aria-label="{}"').format(description)
    return opening + Markup(svg.partition("<svg")[2])


def to_png(figure: "Figure", path: Path) -> None:
    """The figure as a PNG file on white, whole or not at all; its folder is made."""
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=150, facecolor="white", format="png")
