"""Parquet: verl's and TRL's exports, and anybody's table."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from pyarrow import parquet

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.sources import CHUNK_ROWS, Cells, Chunk, Faults, Kind


class ParquetFile:
    """A Parquet file, of which only the columns asked for are read."""

    unit = "row"

    def __init__(self, path: str) -> None:
        self.name = path
        try:
            with parquet.ParquetFile(path) as file:
                self.kinds: Mapping[str, Kind] = {field.name: _kind(field.type) for field in file.schema_arrow}
        except pa.ArrowInvalid as error:
            raise CheckError(f"{path} is no Parquet file ({error})") from error

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        present = [name for name in columns if name in self.kinds]
        first = 1
        with parquet.ParquetFile(self.name) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=present):
                yield Chunk({name: _cells(batch[name]) for name in present}, range(first, first + batch.num_rows))
                first += batch.num_rows


def _cells(column: pa.Array) -> Cells:
    simple = pa.types.is_floating(column.type) and not column.null_count
    cells: Cells = column.to_numpy() if simple else column.to_pylist()
    return cells


def _kind(type_: pa.DataType) -> Kind:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return next((kind for test, kind in _TESTS if test(type_)), "other")


_TESTS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "real"),
    (pa.types.is_decimal, "real"),
    (pa.types.is_boolean, "flag"),
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_null, "empty"),
)
