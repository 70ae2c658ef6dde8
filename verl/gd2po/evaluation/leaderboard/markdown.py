"""Tables in a file: GitHub-flavoured Markdown, or one HTML page that needs nothing else."""

import re
from collections.abc import Sequence

from gd2po.evaluation.leaderboard.tables import INCOMPLETE, LEGEND, NEAR, Cell, Column, Row, Table
from gd2po.pages import templates

_ACTIVE = re.compile(r"([\\`*_\[\]<>#|~&])")


def to_markdown(tables: Sequence[Table]) -> str:
    """``tables`` and their legend; names are escaped."""
    return "\n".join([*(_section(table) for table in tables), LEGEND, ""])


def to_html(tables: Sequence[Table]) -> str:
    """``tables`` and their legend as a page; every text is escaped."""
    page = templates("gd2po.evaluation.leaderboard").get_template("page.html.jinja")
    return page.render(tables=tables, legend=LEGEND, near=NEAR, incomplete=INCOMPLETE)


def _section(table: Table) -> str:
    lines = [
        f"## {_escaped(table.title)}",
        "",
        _escaped(table.setting),
        "",
        _line(["model", *(_heading(column) for column in table.columns)]),
        _line(["---", *("---:" for _ in table.columns)]),
        *(_line([_name(row), *(_content(cell) for cell in row.cells)]) for row in table.rows),
        "",
        *(f"- {_escaped(note)}" for note in table.notes),
    ]
    return "\n".join([*lines, ""] if table.notes else lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _name(row: Row) -> str:
    return _escaped(row.model) if row.complete else f"{_escaped(row.model)} *({INCOMPLETE})*"


def _heading(column: Column) -> str:
    return _escaped(f"{column.name} ({column.unit})")


def _content(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    value = {"best": f"**{cell.value}**", "near": f"{NEAR} {cell.value}", "none": cell.value}[cell.mark]
    return f"{value} ({cell.interval})" if cell.interval else value


def _escaped(text: str) -> str:
    return _ACTIVE.sub(r"\\\1", text)
