"""Checked rows to a parquet file: whole or not at all, and every row accounted for."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gd2po.data.checks import Row, RowProblem
from gd2po.errors import DataError
from gd2po.files import whole_file

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """The fate of every row: ``read == written + len(dropped)`` and ``written`` is the sum of ``kinds``.

    Attributes:
        destination: The file that was written.
        read: The number of rows of the source.
        written: The number of rows of the file.
        kinds: The number of written rows of each kind.
        dropped: The rows that were left out, with the reasons.
        notes: Further sentences for the user.
    """

    destination: Path
    read: int
    written: int
    kinds: Mapping[str, int]
    dropped: tuple[RowProblem, ...]
    notes: tuple[str, ...] = ()


def write_checked(
    outcomes: Sequence[Row | RowProblem],
    destination: str | Path,
    schema: pa.Schema,
    kind: Callable[[Row], str],
    *,
    drop_bad: bool,
    notes: Sequence[str] = (),
) -> PrepareReport:
    """Write the good rows.

    Args:
        outcomes: For each row of the source the row to write, or what is wrong with it.
        destination: The parquet file; its folder is made.
        schema: The columns of the file.
        kind: The function that says which kind a row is counted as.
        drop_bad: Whether bad rows are left out and reported, instead of all refused.
        notes: Sentences for the report.

    Raises:
        DataError: Bad rows without ``drop_bad``, nothing to write, or a name that verl does not take for parquet.
    """
    problems = [outcome for outcome in outcomes if isinstance(outcome, RowProblem)]
    rows = [outcome for outcome in outcomes if not isinstance(outcome, RowProblem)]
    if problems and not drop_bad:
        raise DataError(_refusal(problems, len(outcomes)))
    if not rows:
        raise DataError(f"nothing to write to {destination}: {len(outcomes)} rows read, {len(problems)} of them bad")
    _write(pa.Table.from_pylist(rows, schema=schema), Path(destination))
    kinds = Counter(kind(row) for row in rows)
    return PrepareReport(Path(destination), len(outcomes), len(rows), kinds, tuple(problems), tuple(notes))


def _write(table: pa.Table, destination: Path) -> None:
    if destination.suffix != ".parquet":
        raise DataError(f"{destination}: verl recognises data files by their ending, call it *.parquet")
    with whole_file(destination) as partial:
        pq.write_table(table, partial)


def _refusal(problems: Sequence[RowProblem], total: int) -> str:
    first = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
    rest = len(problems) - _SHOWN
    return (
        f"{len(problems)} of {total} rows cannot be trained on; mend them, or leave them out with --drop-bad "
        f"(drop_bad=True), which counts and names them:\n{first}" + (f"\n  and {rest} more" if rest > 0 else "")
    )
