"""CSV with a header."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pyarrow as pa

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.cells import kind_of_text
from gd2po.insight.check.reading.sources import CHUNK_ROWS, Cells, Chunk, Faults, Kind, overall

SAMPLE_ROWS = 1000
LONGEST_CELL = 16 << 20
"""Characters. A quote that is never closed would make one cell of the rest of the file."""

_EMPTY = {"", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "NA", "#NA", "N/A", "n/a", "#N/A"}
"""What tables of numbers write where there is nothing."""


class CsvFile:
    """Comma-separated values; ``.gz`` and the like are unpacked."""

    unit = "row"

    def __init__(self, path: str) -> None:
        self.name = path
        csv.field_size_limit(LONGEST_CELL)
        sample = [cells for _, cells in islice(self._rows(Faults()), SAMPLE_ROWS + 1)]
        if len(sample) < 2:
            raise CheckError(f"{path} is no CSV with a header and rows: there is no row under its first line")
        self._header, *rows = sample
        kinds = (overall(Counter(map(kind_of_text, column))) for column in zip(*rows, strict=True))
        self.kinds: Mapping[str, Kind] = dict(zip(self._header, kinds, strict=True))

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        rows = islice(self._rows(faults), 1, None)
        while batch := list(islice(rows, CHUNK_ROWS)):
            table = zip(self._header, zip(*(cells for _, cells in batch), strict=True), strict=True)
            yield Chunk({name: _filled(cells) for name, cells in table if name in columns}, [n for n, _ in batch])

    def _rows(self, faults: Faults) -> Iterator[tuple[int, list[str]]]:
        """The header and all rows as long as it, with their numbers."""
        with pa.input_stream(self.name) as stream:
            table = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline=""))
            width = number = 0
            try:
                for number, cells in enumerate(table, 1):
                    width = width or len(cells)
                    if len(cells) == width:
                        yield number, cells
                    elif cells:
                        faults.add(f"{self.name}, row {number}", f"{len(cells)} fields; the header has {width}")
            except csv.Error as error:
                reason = f"{error}; the likely cause is a quote that is not closed"
                raise CheckError(f"{self.name}, row {number + 1}: {reason}") from error


def _filled(column: Sequence[str]) -> Cells:
    return column if _EMPTY.isdisjoint(column) else [None if cell in _EMPTY else cell for cell in column]
