"""The tables of a leaderboard: their rows, columns and notes in order. Rendering is for other modules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gd2po.evaluation.api_bank import summary as api_bank
from gd2po.evaluation.code import sets as code
from gd2po.evaluation.console import NumberFormat
from gd2po.evaluation.leaderboard.finding import Result, by_setting, describe, differences
from gd2po.evaluation.math import sets as math
from gd2po.evaluation.questions import summary as questions
from gd2po.evaluation.results import SHARE, Score
from gd2po.evaluation.safety import summary as safety
from gd2po.intervals import difference

HEADLINES: Mapping[str, Callable[[Mapping[str, str]], list[str]]] = MappingProxyType({
    api_bank.BENCHMARK: api_bank.headline,
    safety.BENCHMARK: safety.headline,
    math.BENCHMARK: questions.headline,
    code.BENCHMARK: code.headline,
})  # fmt: skip
"""Per benchmark, the names of the scores in its table, chosen from names and units; other tables show all scores."""

Mark = Literal["best", "near", "none"]
NEAR = "≈"
_SHARE, _MEAN = NumberFormat(100, 1), NumberFormat()

INCOMPLETE = "incomplete"
LEGEND = (
    "Ranges are 95 % intervals. Bold: best of its column among complete results. "
    f"{NEAR}: not told apart from the best: the 95 % interval of the difference holds 0 (runs taken as independent). "
    f"Rows are sorted by the first column, {INCOMPLETE} runs last: not every sample they were asked for is there."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as text, its interval as text (empty where none is known), and its mark."""

    value: str
    interval: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Column:
    """Name of a score, and its unit with the number of samples."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Row:
    """A model, whether its result is complete, and a cell or None per column."""

    model: str
    complete: bool
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The results of one benchmark under one setting, best first, incomplete ones last."""

    title: str
    setting: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def build_tables(results: Sequence[Result]) -> list[Table]:
    """One table per benchmark, version and decoding, in the order of ``results``."""
    return [
        table
        for benchmark in dict.fromkeys(result.summary.benchmark for result in results)
        for table in _tables(benchmark, [result for result in results if result.summary.benchmark == benchmark])
    ]


def _tables(benchmark: str, results: Sequence[Result]) -> list[Table]:
    first, *others = parts = by_setting(results)
    title = plain(benchmark)
    if not others:
        return [_table(title, benchmark, first, ())]
    apart = ["", *(f"Not comparable with setting 1: {differences(part, first)}." for part in others)]
    return [
        _table(f"{title}, setting {number} of {len(parts)}", benchmark, part, tuple(filter(None, [note])))
        for number, (part, note) in enumerate(zip(parts, apart, strict=True), 1)
    ]


def _table(title: str, benchmark: str, results: Sequence[Result], notes: tuple[str, ...]) -> Table:
    units = {score.name: score.unit for result in results for score in result.summary.scores}
    names = HEADLINES[benchmark](units) if benchmark in HEADLINES else list(units)
    rows = sorted(results, key=lambda result: _rank(result, names), reverse=True)
    complete = [result.summary.complete for result in rows]
    labels = _labels(rows)
    scores = [{score.name: score for score in result.summary.scores} for result in rows]
    by_column = [[row.get(name) for row in scores] for name in names]
    columns = [
        Column(plain(name), plain(unit([score for score in column if score])))
        for name, column in zip(names, by_column, strict=True)
    ]
    cells = zip(*(column_cells(column, complete) for column in by_column), strict=True)
    return Table(
        title,
        plain(describe(rows)),
        tuple(columns),
        tuple(Row(*row) for row in zip(labels, complete, cells, strict=True)),
        (*notes, *_notes(rows, labels)),
    )


def _rank(result: Result, names: Sequence[str]) -> tuple[bool, list[float]]:
    values = {score.name: (score.sign or 1) * score.value for score in result.summary.scores}
    return result.summary.complete, [values.get(name, float("-inf")) for name in names]


def _labels(results: Sequence[Result]) -> list[str]:
    """The models' names; with the folder where a name is there more than once."""
    names = [result.summary.model for result in results]
    return [
        plain(name if names.count(name) == 1 else f"{name} ({result.folder})")
        for name, result in zip(names, results, strict=True)
    ]


def _notes(results: Sequence[Result], labels: Sequence[str]) -> list[str]:
    """Each note once, with its models where it is not of all."""
    models: dict[str, list[str]] = {}
    for result, label in zip(results, labels, strict=True):
        for note in result.summary.notes:
            models.setdefault(plain(note), []).append(label)
    return [note if len(of) == len(results) else f"{note} ({', '.join(of)})" for note, of in models.items()]


def plain(text: str) -> str:
    """``text`` with anything that could steer a terminal or break a line replaced."""
    return "".join(character if character.isprintable() else "�" for character in text)


def column_cells(scores: Sequence[Score | None], complete: Sequence[bool]) -> list[Cell | None]:
    """The cells of one score in the order of the rows; only judged scores of complete results are compared."""
    compared = [score for score, whole in zip(scores, complete, strict=True) if whole and score and score.sign]
    best = max(compared, key=lambda score: score.sign * score.value) if len(compared) > 1 else None
    return [
        _cell(score, _mark(score, best) if best and whole else "none") if score else None
        for score, whole in zip(scores, complete, strict=True)
    ]


def unit(scores: Sequence[Score]) -> str:
    """The unit of one score with its number of samples, for the head of its column."""
    counts = sorted({score.count for score in scores})
    samples = str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
    return f"% of {samples}" if scores[0].unit == SHARE else f"{scores[0].unit}, n={samples}"


def _cell(score: Score, mark: Mark) -> Cell:
    number = _SHARE if score.unit == SHARE else _MEAN
    return Cell(number.value(score), number.interval(score), mark)


def _mark(score: Score, best: Score) -> Mark:
    if score.value == best.value:
        return "best"
    higher, lower = (best, score) if score.sign > 0 else (score, best)
    above, below = higher.interval, lower.interval
    return "near" if above and below and difference(above, below).low <= 0 else "none"
