"""The problems of each benchmark, from the files that ``gd2po data get`` fetches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from gd2po.data.coding import CodingProblem, fault_of, read_humaneval, read_mbpp, read_own
from gd2po.data.published import Checksum
from gd2po.errors import DataError
from gd2po.evaluation.code.judging import MEASURES, judge_all
from gd2po.evaluation.questions.files import benchmark_files
from gd2po.evaluation.questions.summary import headline as questions_headline
from gd2po.evaluation.questions.task import EXCEED_TOKENS, Question, QuestionTask
from gd2po.rewards.coding import CodingOptions, check_sandbox
from gd2po.rewards.coding.prompt import WORDINGS, user_message
from gd2po.rewards.coding.tests_of_row import Tests, read_tests

BENCHMARK = "code"

SETS: Mapping[str, tuple[str, Callable[[Path], list[CodingProblem]]]] = MappingProxyType({
    "humaneval": ("humaneval/test", read_humaneval),
    "mbpp": ("mbpp/all", partial(read_mbpp, part="test")),
})  # fmt: skip
"""By the name of a benchmark, the member of the catalogue with its problems, and the function that reads them."""

DEFAULT = tuple(SETS)


def headline(units: Mapping[str, str]) -> list[str]:
    """The scores of a leaderboard, of those that there are: pass@1 of every set, then long responses, then bugs."""
    return [*questions_headline(units), *(name for name in units if name.endswith("/bug"))]


def read_task(
    root: Path,
    sets: Iterable[str] = DEFAULT,
    options: CodingOptions | None = None,
    *,
    samples: int = 1,
    at: Iterable[int] = (),
    exceed: int = EXCEED_TOKENS,
    limit: int | None = None,
) -> QuestionTask:
    """The problems of some benchmarks, with the judge of their programs.

    Args:
        root: The folder of the data sets.
        sets: The benchmarks, keys of :data:`SETS`; or files of {problem, tests}, JSON lines or a JSON list.
        options: Where programs run, and what a bug is; the defaults of the rewards where not given.
        samples: The number of responses to each problem.
        at: The k of each pass@k beside pass@1.
        exceed: The length beyond which a response counts as long, in tokens.
        limit: The most problems of each benchmark, for a quick look.

    Raises:
        SettingsError: A benchmark is unknown, there is nothing to ask, or no sandbox for the programs.
        DataError: A file is absent, is not the published one, or has a row that is no problem.
    """
    options = options or CodingOptions()
    check_sandbox(sandbox_url=options.sandbox_url, unsafe=options.unsafe, packages=options.packages)
    tests: dict[str, Tests] = {}
    questions: list[Question] = []
    version = {"wording": hashlib.sha256(json.dumps(WORDINGS).encode()).hexdigest()}
    total = 0
    members = {name: member for name, (member, _) in SETS.items()}
    for name, path in benchmark_files(root, sets, members, "programming").items():
        problems = SETS[name][1](path) if name in SETS else _own(path)
        version[name] = Checksum("sha256", "").of(path).value
        total += len(problems)
        for position, problem in enumerate(problems[:limit]):
            id, of_problem = f"{name}/{position}", read_tests(problem.tests)
            message = {"role": "user", "content": user_message(problem.text, of_problem)}
            questions.append(Question(id, name, (message,)))
            tests[id] = of_problem
    judge = partial(judge_all, tests=tests, options=options)
    return QuestionTask(
        BENCHMARK, tuple(questions), total, version, judge, samples, tuple(at), exceed, measures=MEASURES
    )


def _own(path: Path) -> list[CodingProblem]:
    problems = []
    for position, problem in enumerate(read_own(path)):
        fault = problem if isinstance(problem, str) else fault_of(problem)
        if fault or isinstance(problem, str):
            raise DataError(f"{path}: row {position}: {fault}")
        problems.append(problem)
    return problems
