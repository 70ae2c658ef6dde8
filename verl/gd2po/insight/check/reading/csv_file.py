"""CSV with a header: commas, semicolons, tabs or bars between the cells."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from gd2po.insight.check.choice import CheckError
from gd2po.insight.check.reading.sampling import spread
from gd2po.insight.check.reading.sources import CHUNK_ROWS, Cells, Chunk, Faults, Row
from gd2po.insight.check.reading.streams import Content, printable

LONGEST_CELL = 16 << 20
"""Characters. A quote that is never closed would make one cell of the rest of the file."""

DELIMITERS = ",;\t|"

_EMPTY = {"", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "NA", "#NA", "N/A", "n/a", "#N/A"}
"""What tables of numbers write where there is nothing."""


class CsvFile:
    """A table of text with a header."""

    unit = "row"

    def __init__(self, content: Content) -> None:
        self.name, self._content = content.name, content
        self._delimiter = _delimiter(content)
        csv.field_size_limit(LONGEST_CELL)
        rows = self._rows(Faults())
        header = next(rows, (0, []))[1]
        self._header = [printable(name.strip()) for name in header]
        sample = spread((cells for _, cells in rows), lambda cells: sum(map(len, cells)))
        if not sample:
            raise CheckError(f"{self.name} is no CSV with a header and rows: there is no row under its first line")
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
            table = csv.reader(text, delimiter=self._delimiter)
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


def refuse_doubled(file: str, names: Sequence[str], form: str) -> None:
    """Refuse a table in which two columns have one name."""
    doubled = [
        f"{name!r} {'twice' if count == 2 else f'{count} times'}" for name, count in Counter(names).items() if count > 1
    ]
    if doubled:
        raise CheckError(f"{file} is a {form} file with column {', '.join(doubled)}; rename or drop one of them")


def _delimiter(content: Content) -> str:
    """The delimiter that stands most often in the header, outside quotes."""
    header = next(iter(content.decoded_head().lstrip("\r\n").splitlines()), "")
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _filled(column: Sequence[str]) -> Cells:
    return column if _EMPTY.isdisjoint(column) else [None if cell in _EMPTY else cell for cell in column]
