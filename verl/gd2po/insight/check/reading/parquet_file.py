"""Parquet: verl's and TRL's exports, and anybody's table."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyarrow import parquet

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.sources import CHUNK_ROWS, Cells, Chunk, Faults, Row, refuse_doubled
from gd2po.insight.check.reading.streams import Content

SAMPLE_BATCHES, SAMPLE_ROWS = 8, 256


class ParquetFile:
    """A Parquet file, of which only the columns asked for are read."""

    unit = "row"

    def __init__(self, content: Content) -> None:
        self.name, self._content = content.name, content
        try:
            with parquet.ParquetFile(self._content.path) as file:
                self._columns = list(file.schema_arrow.names)
                refuse_doubled(self.name, self._columns, "Parquet")
                if not file.metadata.num_rows:
                    raise CheckError(f"{self.name} is a Parquet file without rows")
                self.sample: Sequence[Row] = list(_sample(file))
        except (pa.ArrowException, OSError) as error:
            raise CheckError(f"{self.name} is no Parquet file ({error})") from error

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        present = [name for name in self._columns if name in columns]
        first = 1
        with parquet.ParquetFile(self._content.path) as file:
            # A name with dots would be read as a path, so files with such names are read whole.
            chosen = None if any("." in name for name in present) else present
            for batch in file.iter_batches(CHUNK_ROWS, columns=chosen):
                yield Chunk({name: _cells(batch[name]) for name in present}, range(first, first + batch.num_rows))
                first += batch.num_rows


def _sample(file: parquet.ParquetFile) -> Iterator[Row]:
    """Rows from row groups at the beginning, in the middle and at the end; of a single one, from its beginning on."""
    groups = range(file.num_row_groups)
    some = sorted({round(place * (len(groups) - 1) / (SAMPLE_BATCHES - 1)) for place in range(SAMPLE_BATCHES)})
    for group in some:
        rows = file.metadata.row_group(group).num_rows
        stride = max(1, rows // SAMPLE_ROWS // (SAMPLE_BATCHES if len(some) == 1 else 1))
        last = (rows - 1) // SAMPLE_ROWS
        for number, batch in enumerate(file.iter_batches(SAMPLE_ROWS, row_groups=[group])):
            if number in (0, last) or (number % stride == 0 and len(some) == 1):
                yield from batch.to_pylist()


def _cells(column: pa.Array) -> Cells:
    simple = pa.types.is_floating(column.type) and not column.null_count
    cells: Cells = column.to_numpy() if simple else column.to_pylist()
    return cells
