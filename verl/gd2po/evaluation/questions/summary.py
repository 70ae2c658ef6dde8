"""From judged samples to the numbers of a table, per set of questions.

============  ==============================================================================================
``pass@1``    mean over the questions of the share of their responses that are right
``pass@k``    mean over the questions of the chance that one of k responses is right, 1 − C(n − c, k) / C(n, k) for
              c right of n responses, which is unbiased (Chen et al. 2021, arXiv 2107.03374)
``exceed``    share of the responses of more than a number of tokens
``cut``       share of the responses that end at the longest length
``tokens``    mean tokens of the responses, with their end token
============  ==============================================================================================

Intervals draw whole questions (:func:`gd2po.intervals.clustered_mean`), since responses to one question go together. A
mean of which every question has 0, or every question 1, has Wilson's interval over the questions: resampling
equal values would say that nothing is uncertain.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gd2po.evaluation.questions.task import CORRECT, QuestionTask
from gd2po.evaluation.results import SHARE, Better, Score, mean_score
from gd2po.intervals import Interval, clustered_mean, share

Sample = Mapping[str, Any]
PASS, EXCEED, CUT, TOKENS = "pass@", "exceed", "cut", "tokens"


def headline(units: Mapping[str, str]) -> list[str]:
    """The scores of a leaderboard, of those that there are: pass@1 of every set, then the long responses."""
    endings = (f"/{PASS}1", f"/{EXCEED}")
    return [name for ending in endings for name in units if name.endswith(ending)]


def pass_at(k: int, right: int, count: int) -> float:
    """The chance that one of ``k`` responses is right, drawn without replacement from ``count`` with ``right`` right.

    Args:
        k: The number of responses that are drawn, at most ``count``.
        right: The number of right responses.
        count: The number of responses.
    """
    return 1 - math.comb(count - right, k) / math.comb(count, k)


def summarise(task: QuestionTask, samples: Sequence[Sample]) -> tuple[Score, ...]:
    """The scores of every set, named ``<set>/<measure>``; a measure without samples has no score.

    Args:
        task: What was asked.
        samples: The samples, with ``group``, ``question``, ``finish``, ``response_tokens`` and the judge's fields.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample["group"], []).append(sample)
    return tuple(score for group, of_group in groups.items() for score in _of_group(task, group, of_group))


def _of_group(task: QuestionTask, group: str, samples: Sequence[Sample]) -> Iterable[Score]:
    yield from _share(f"{group}/{PASS}1", samples, [sample[CORRECT] for sample in samples], "higher")
    for k in task.at:
        if k > 1:
            yield _pass_score(f"{group}/{PASS}{k}", k, samples)
    for measure in task.measures:
        scored = [sample for sample in samples if sample.get(measure.field) is not None]
        values = [float(sample[measure.field]) for sample in scored]
        yield from _mean(f"{group}/{measure.name}", scored, values, measure.unit, measure.better)
    measured = [sample for sample in samples if sample["response_tokens"] is not None]
    long = [sample["response_tokens"] > task.exceed for sample in measured]
    yield from _share(f"{group}/{EXCEED}", measured, long, "lower")
    answered = [sample for sample in samples if sample["finish"] != "error"]
    yield from _share(f"{group}/{CUT}", answered, [sample["finish"] == "length" for sample in answered], "neither")
    lengths = [float(sample["response_tokens"]) for sample in measured]
    yield from _mean(f"{group}/{TOKENS}", measured, lengths, TOKENS, "neither")


def _pass_score(name: str, k: int, samples: Sequence[Sample]) -> Score:
    by_question: dict[str, list[int]] = {}
    for sample in samples:
        by_question.setdefault(sample["question"], []).append(sample[CORRECT])
    values = [pass_at(k, sum(verdicts), len(verdicts)) for verdicts in by_question.values()]
    return Score(name, *_estimate(values, list(by_question)), len(samples), None, SHARE, "higher")


def _share(name: str, samples: Sequence[Sample], hits: Sequence[bool | int], better: Better) -> Iterable[Score]:
    if samples:
        estimate = _estimate([float(hit) for hit in hits], _questions(samples))
        yield Score(name, *estimate, len(samples), int(sum(hits)), SHARE, better)


def _mean(name: str, samples: Sequence[Sample], values: Sequence[float], unit: str, better: Better) -> Iterable[Score]:
    questions = _questions(samples)
    if unit != SHARE:
        yield from mean_score(name, values, questions, unit, better)
    elif samples:
        yield Score(name, *_estimate(values, questions), len(samples), None, unit, better)


def _estimate(values: Sequence[float], questions: Sequence[str]) -> Interval:
    """The mean of numbers in [0, 1] with its interval over questions."""
    count = len(set(questions))
    if set(values) in ({0.0}, {1.0}) or count == 1:
        middle = math.fsum(values) / len(values)
        ends = share(round(middle * count), count)
        return Interval(middle, min(ends.low, middle), max(ends.high, middle))
    return clustered_mean(values, questions)


def _questions(samples: Iterable[Sample]) -> list[str]:
    return [sample["question"] for sample in samples]
