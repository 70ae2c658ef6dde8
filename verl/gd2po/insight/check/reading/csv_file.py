"""CSV with a header: commas, semicolons, tabs or bars between the cells."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.sampling import spread
from gd2po.insight.check.reading.sources import CHUNK_ROWS, Cells, Chunk, Faults, Row, refuse_doubled
from gd2po.insight.check.reading.streams import Content, printable

LONGEST_CELL = 16 << 20
"""Characters. A quote that is never closed would make one cell of the rest of the file."""

DELIMITERS = ",;\t|"

_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""The first line of a CSV that Excel shall open."""

_EMPTY = {"", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "NA", "#NA", "N/A", "n/a", "#N/A"}
"""What tables of numbers write where there is nothing."""


class CsvFile:
    """A table of text with a header."""

    unit = "row"

    def __init__(self, content: Content) -> None:
        self.name, self._content = content.name, content
        self._before, self._delimiter = _layout(content)
        csv.field_size_limit(LONGEST_CELL)
        faults = Faults()
        rows = self._rows(faults)
        header = next(rows, (0, []))[1]
        self._header = [printable(name.strip()) for name in header]
        sample = spread((cells for _, cells in rows), lambda cells: sum(map(len, cells)))
        if not sample:
            reason = f": {faults.examples[0]}" if faults.examples else ""
            raise CheckError(f"{self.name} is no CSV with a header and rows: no row has as many fields as it{reason}")
        refuse_doubled(self.name, [name for name in self._header if name], "CSV")
        self.sample: Sequence[Row] = [dict(zip(self._header, _filled(cells), strict=True)) for cells in sample]

    def chunks(self, columns: Sequence[str], faults: Faults) -> Iterator[Chunk]:
        rows = islice(self._rows(faults), 1, None)
        while batch := list(islice(rows, CHUNK_ROWS)):
            table = zip(self._header, zip(*(cells for _, cells in batch), strict=True), strict=True)
            yield Chunk({name: _filled(cells) for name, cells in table if name in columns}, [n for n, _ in batch])

    def _rows(self, faults: Faults) -> Iterator[tuple[int, list[str]]]:
        """The header and all rows as long as it, with their numbers."""
        with self._content.text() as text:
            for _ in range(self._before):
                text.readline()
            table = csv.reader(text, delimiter=self._delimiter)
            width = number = 0
            try:
                for number, cells in enumerate(table, 1 + self._before):
                    width = width or len(cells)
                    if cells and len(cells) == width:
                        yield number, cells
                    elif cells:
                        faults.add(f"{self.name}, row {number}", f"{len(cells)} fields; the header has {width}")
            except csv.Error as error:
                reason = f"{error}; the likely cause is a quote that is not closed"
                raise CheckError(f"{self.name}, row {number + 1}: {reason}") from error


def _layout(content: Content) -> tuple[int, str]:
    """The number of lines before the header, such as remarks; and the delimiter, most frequent in it outside quotes."""
    lines = content.decoded_head().splitlines()
    width = max(map(_delimiters, (line for line in lines if not line.startswith("#"))), default=0)
    before = 0
    while before + 1 < len(lines):
        line = lines[before].strip()
        if separator := _SEPARATOR.fullmatch(line):
            return before + 1, separator[1]
        if line and not (line.startswith("#") and _delimiters(line) < width):
            break
        before += 1
    unquoted = "".join(lines[before].split('"')[::2]) if lines else ""
    return before, max(DELIMITERS, key=unquoted.count)


def _delimiters(line: str) -> int:
    return max(map(line.count, DELIMITERS))


def _filled(column: Sequence[str]) -> Cells:
    return column if _EMPTY.isdisjoint(column) else [None if cell in _EMPTY else cell for cell in column]
