"""The questions of each benchmark, and their problems, from the files that ``gd2po data get`` fetches."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from gd2po.data.math_rows import read_own
from gd2po.data.mathematics import MINERVA_TOLERANCE, Problem, read_problems
from gd2po.data.published import Checksum
from gd2po.evaluation.math.flawed import FLAWED
from gd2po.evaluation.math.judging import judge_all
from gd2po.evaluation.questions.files import benchmark_files
from gd2po.evaluation.questions.task import EXCEED_TOKENS, Question, QuestionTask
from gd2po.rewards.math.prompt import WORDINGS, user_message

BENCHMARK = "math"

SETS: Mapping[str, str] = MappingProxyType({
    name: f"{name}/test"
    for name in (
        "gsm8k", "math500", "aime22_24", "aime24", "aime25", "amc22_23", "amc23", "minerva_math", "olympiadbench",
    )
})  # fmt: skip
"""By the name of a benchmark, the member of the catalogue with its questions."""

DEFAULT = ("gsm8k", "math500", "aime22_24", "aime25", "amc22_23", "minerva_math", "olympiadbench")
"""The benchmarks without those whose questions another one holds: aime24 is in aime22_24, amc23 in amc22_23."""

_TOLERANCE = f"minerva_math: numbers within {MINERVA_TOLERANCE:.0%} of the reference count as right, which is rounded"


def read_task(
    root: Path,
    sets: Iterable[str] = DEFAULT,
    *,
    wording: str = "box",
    samples: int = 1,
    at: Iterable[int] = (),
    exceed: int = EXCEED_TOKENS,
    limit: int | None = None,
) -> QuestionTask:
    """The questions of some benchmarks, with the judge of their answers.

    Args:
        root: The folder of the data sets.
        sets: The benchmarks, keys of :data:`SETS`; or files of {problem, answer}, JSON lines or a JSON list.
        wording: The text around a problem, a key of :data:`gd2po.rewards.math.prompt.WORDINGS`.
        samples: The number of responses to each question.
        at: The k of each pass@k beside pass@1.
        exceed: The length beyond which a response counts as long, in tokens.
        limit: The most questions of each benchmark, for a quick look.

    Raises:
        SettingsError: A benchmark or the wording is unknown, or there is nothing to ask.
        DataError: A file is absent, or is not the published one.
    """
    files = benchmark_files(root, sets, SETS, "mathematics")
    problems: dict[str, Problem] = {}
    questions: list[Question] = []
    total = 0
    for name, path in files.items():
        of_set = read_problems(name, path) if name in SETS else read_own(path)
        total += len(of_set)
        for position, problem in enumerate(of_set[:limit]):
            message = {"role": "user", "content": user_message(problem.text, wording)}
            question = Question(f"{name}/{position}", name, (message,), FLAWED.get(name, {}).get(position))
            questions.append(question)
            problems[question.id] = problem
    return QuestionTask(
        BENCHMARK,
        tuple(questions),
        total,
        {name: Checksum("sha256", "").of(path).value for name, path in files.items()} | {"wording": _checksum(wording)},
        partial(judge_all, problems=problems),
        samples,
        tuple(at),
        exceed,
        notes=(_TOLERANCE,) if "minerva_math" in files else (),
    )


def _checksum(wording: str) -> str:
    return hashlib.sha256(json.dumps(WORDINGS[wording]).encode()).hexdigest()
