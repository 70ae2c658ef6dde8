"""The data that the parts of a benchmark of questions hand to each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gd2po.errors import SettingsError
from gd2po.evaluation.results import SHARE, Better

CORRECT = "correct"
"""The field of a verdict that says whether a response is right, 1, or not, 0."""

EXCEED_TOKENS = 4000
"""The length beyond which a response counts as long, in generated tokens (GDPO, arXiv 2601.05242, section 4.2)."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        id: The name of the set and the position in it, such as ``gsm8k/0``.
        group: The name of the set, under which scores are averaged.
        messages: The conversation that asks.
        flaw: The reason why a right response cannot be told from a wrong one; None where it can. Such questions count.
    """

    id: str
    group: str
    messages: tuple[dict[str, str], ...]
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One response to a question.

    Attributes:
        question: The question.
        text: The response as generated.
        tokens: The number of its tokens, with the end token; None where the engine does not tell.
    """

    question: Question
    text: str
    tokens: int | None


Verdict = Mapping[str, Any]
"""What a judge says of one response: :data:`CORRECT`, and fields of its own for ``samples.jsonl`` and for measures."""

Judge = Callable[[Sequence[Response]], Iterable[Verdict]]
"""Judges responses; yields one verdict for each, in their order, as it comes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over responses of a number that the judge gives, shown beside pass@1.

    Attributes:
        name: The name of the score within its set.
        field: The field of the verdict; a response for which it is None does not count.
        unit: The unit of the mean.
        better: The direction in which a leaderboard judges it.
    """

    name: str
    field: str
    unit: str = SHARE
    better: Better = "neither"


@dataclass(frozen=True, slots=True)
class QuestionTask:
    """What is evaluated, and how.

    Attributes:
        benchmark: The name of the benchmark.
        questions: The questions, those of one set together.
        total: The number of questions without a limit.
        version: The conditions of comparable results: the checksum of each set's file, by the name of the set, and of
            the wording around the question.
        judge: The judge of the responses.
        samples: The number of responses to each question.
        at: The k of each pass@k beside pass@1; none above ``samples``.
        exceed: The length beyond which a response counts as long, in tokens.
        measures: Further means over responses.
        notes: Remarks of the benchmark for the summary.

    Raises:
        SettingsError: A number outside its range, or no question.
    """

    benchmark: str
    questions: tuple[Question, ...]
    total: int
    version: Mapping[str, str]
    judge: Judge
    samples: int = 1
    at: tuple[int, ...] = ()
    exceed: int = EXCEED_TOKENS
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.questions:
            raise SettingsError("there is no question to ask; expected at least one")
        if self.samples < 1 or self.exceed < 1:
            raise SettingsError(f"samples is {self.samples} and exceed is {self.exceed}, expected numbers above 0")
        for k in self.at:
            if not 1 <= k <= self.samples:
                raise SettingsError(f"pass@{k} of {self.samples} responses a question: expected 1 to {self.samples}")
