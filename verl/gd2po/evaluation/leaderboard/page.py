"""Tables as one HTML file that needs nothing else."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from gd2po.evaluation.leaderboard.cells import NEAR
from gd2po.evaluation.leaderboard.tables import INCOMPLETE, LEGEND, Table


def to_html(tables: Sequence[Table]) -> str:
    """``tables`` and their legend as a page; every text is escaped."""
    templates = Environment(
        loader=PackageLoader("gd2po.evaluation.leaderboard", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    page = templates.get_template("page.html.jinja")
    return page.render(tables=tables, legend=LEGEND, near=NEAR, incomplete=INCOMPLETE)
