"""The cells of one column: each a number, its interval, and how it compares with the best of the column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gd2po.evaluation.results import SHARE, Score
from gd2po.intervals import Interval, difference

Mark = Literal["best", "near", "none"]
NEAR = "≈"


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as text, its interval as text (empty where none is known), and its mark."""

    value: str
    interval: str
    mark: Mark


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
    interval = _interval(score)
    ends = f"{_number(interval.low, score.unit)}–{_number(interval.high, score.unit)}" if interval else ""
    return Cell(_number(score.value, score.unit), ends, mark)


def _mark(score: Score, best: Score) -> Mark:
    if score.value == best.value:
        return "best"
    higher, lower = (best, score) if score.sign > 0 else (score, best)
    above, below = _interval(higher), _interval(lower)
    return "near" if above and below and difference(above, below).low <= 0 else "none"


def _interval(score: Score) -> Interval | None:
    if score.low is None or score.high is None:
        return None
    return Interval(score.value, score.low, score.high)


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f}" if unit == SHARE else f"{value:.2f}"
