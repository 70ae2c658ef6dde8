"""Tables in a terminal; one that is too wide for it is shown in several blocks of columns."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from gd2po.evaluation.leaderboard.tables import INCOMPLETE, LEGEND, NEAR, Cell, Column, Row, Table

_GAP = 2  # between columns: one of padding, one of the grid
_NAMES = 3  # the models' names take at most a third of the width


def show(tables: Sequence[Table], console: Console) -> None:
    """Print ``tables`` and their legend."""
    for table in tables:
        console.print(Text(table.title, "bold"))
        console.print(Text(table.setting, "dim"))
        for positions in _blocks(table, console.width):
            console.print(_grid(table, positions, console.width // _NAMES), "")
        for note in table.notes:
            console.print(Text(f"• {note}"))
        console.print()
    console.print(Text(LEGEND, "dim"))


def _blocks(table: Table, width: int) -> Iterator[list[int]]:
    """Positions of the columns that fit beside the models' names; a column that never fits stands alone."""
    room = width - min(width // _NAMES, max(_name(row).cell_len for row in table.rows))
    block: list[int] = []
    left = room
    for position, column in enumerate(table.columns):
        texts = [_heading(column), *(_content(row.cells[position]) for row in table.rows)]
        needed = _GAP + max(cell_len(line) for text in texts for line in text.plain.split("\n"))
        if block and needed > left:
            yield block
            block, left = [], room
        block.append(position)
        left -= needed
    yield block


def _grid(table: Table, positions: Sequence[int], name_width: int) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column("model", max_width=name_width, overflow="fold")
    for position in positions:
        grid.add_column(_heading(table.columns[position]), justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(_name(row), *(_content(row.cells[position]) for position in positions))
    return grid


def _name(row: Row) -> Text:
    return Text(row.model) if row.complete else Text.assemble(row.model, (f" ({INCOMPLETE})", "yellow"))


def _heading(column: Column) -> Text:
    return Text.assemble(column.name.replace("/", "/\n"), "\n", (column.unit, "dim"))


def _content(cell: Cell | None) -> Text:
    if cell is None:
        return Text("–", "dim")
    value = f"{NEAR} {cell.value}" if cell.mark == "near" else cell.value
    return Text.assemble((value, "bold green" if cell.mark == "best" else ""), "\n", (cell.interval, "dim"))
